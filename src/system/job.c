/* SPDX-License-Identifier: MIT */
#include "system/job.h"

#ifdef HAVE_LIBSYSTEMD

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/clock.h"
#include "system/fdstore.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define PATIENCE_MS 1000LL

/* A bus that speaks to us before it is too late; NULL: there is none. */
static sd_bus *
open_bus(void)
{
	long long until_ms = clock_now_ms() + PATIENCE_MS;
	sd_bus *bus = NULL;
	int ready = sd_bus_open_system(&bus);

	while (ready >= 0 && (ready = sd_bus_is_ready(bus)) == 0) {
		long long left_ms = until_ms - clock_now_ms();

		if (left_ms <= 0)
			break;
		ready = sd_bus_process(bus, NULL);
		if (ready == 0)
			ready = sd_bus_wait(bus, (uint64_t)left_ms * 1000);
	}
	if (ready > 0) {
		sd_bus_set_method_call_timeout(bus,
					       (uint64_t)PATIENCE_MS * 1000);
		return bus;
	}
	sd_bus_close(bus);
	sd_bus_unref(bus);
	return NULL;
}

/* The object of our unit; NULL: it cannot be had.  To be freed. */
static char *
find_unit(sd_bus *bus)
{
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	char *copy = NULL;

	/* 0: whose question it is; a sandbox may hide from us who we are. */
	if (sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1",
			       SYSTEMD ".Manager", "GetUnitByPID", NULL, &reply,
			       "u", 0) >= 0 &&
	    sd_bus_message_read(reply, "o", &path) >= 0)
		copy = strdup(path);
	sd_bus_message_unref(reply);
	return copy;
}

/* Whether its job is to restart, and not to stop. */
static bool
has_restart_job(sd_bus *bus, const char *unit)
{
	sd_bus_message *reply = NULL;
	const char *job = NULL;
	char *type = NULL;
	bool is_restart;
	uint32_t id;

	if (sd_bus_get_property(bus, SYSTEMD, unit, SYSTEMD ".Unit", "Job",
				NULL, &reply, "(uo)") >= 0 &&
	    sd_bus_message_read(reply, "(uo)", &id, &job) >= 0 && id != 0)
		sd_bus_get_property_string(bus, SYSTEMD, job, SYSTEMD ".Job",
					   "JobType", NULL, &type);
	is_restart = type && strcmp(type, "restart") == 0;
	free(type);
	sd_bus_message_unref(reply);
	return is_restart;
}

/* Whether FileDescriptorStoreMax= is no less. */
static bool
has_room(sd_bus *bus, const char *unit, size_t descriptors)
{
	uint32_t most = 0;

	sd_bus_get_property_trivial(bus, SYSTEMD, unit, SYSTEMD ".Service",
				    "FileDescriptorStoreMax", NULL, 'u', &most);
	return most >= descriptors;
}

bool
job_is_restart(size_t descriptors)
{
	sd_bus *bus = fdstore_available() ? open_bus() : NULL;
	char *unit = bus ? find_unit(bus) : NULL;
	bool restarts = unit && has_restart_job(bus, unit) &&
			has_room(bus, unit, descriptors);

	free(unit);
	if (bus)
		sd_bus_flush_close_unref(bus);
	return restarts;
}

#else

bool
job_is_restart(size_t descriptors)
{
	(void)descriptors;
	return false;
}

#endif
