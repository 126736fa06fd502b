/* SPDX-License-Identifier: MIT */
/*
 * The job that systemd is at with this unit.  A restart and a stop begin with
 * the same signal, and only after a restart is what was kept passed on.
 */
#ifdef HAVE_LIBSYSTEMD

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "service.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define PATIENCE_US 1000000

/* The object of our unit; NULL: it cannot be had.  To be freed. */
static char *
find_unit(sd_bus *bus)
{
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	char *unit = NULL, *copy = NULL;

	if (sd_pid_get_unit(0, &unit) >= 0 &&
	    sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1",
			       SYSTEMD ".Manager", "GetUnit", NULL, &reply, "s",
			       unit) >= 0 &&
	    sd_bus_message_read(reply, "o", &path) >= 0)
		copy = strdup(path);
	sd_bus_message_unref(reply);
	free(unit);
	return copy;
}

/* What its job is for, "restart" or "stop"; NULL: none.  To be freed. */
static char *
find_job_type(sd_bus *bus, const char *unit)
{
	sd_bus_message *reply = NULL;
	const char *job = NULL;
	char *type = NULL;
	uint32_t id;

	if (sd_bus_get_property(bus, SYSTEMD, unit, SYSTEMD ".Unit", "Job",
				NULL, &reply, "(uo)") >= 0 &&
	    sd_bus_message_read(reply, "(uo)", &id, &job) >= 0 && id != 0)
		sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job",
					   "JobType", NULL, &type);
	sd_bus_message_unref(reply);
	return type;
}

bool
service_is_restarting(void)
{
	sd_bus *bus = NULL;
	char *unit = NULL, *type = NULL;
	bool is_restart;

	if (service_keeps() && sd_bus_open_system(&bus) >= 0) {
		sd_bus_set_method_call_timeout(bus, PATIENCE_US);
		unit = find_unit(bus);
		type = unit ? find_job_type(bus, unit) : NULL;
	}
	is_restart = type && strcmp(type, "restart") == 0;
	free(type);
	free(unit);
	sd_bus_flush_close_unref(bus);
	return is_restart;
}

#endif
