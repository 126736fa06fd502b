/* SPDX-License-Identifier: MIT */
#include "daemon/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/diag.h"
#include "base/sanitizers.h"
#include "daemon/confine_calls.h"
#include "record/path_pattern.h"
#include "system/landlock.h"

/*
 * To append, to read where the last line ends, to rotate, and to sync the
 * directory.
 */
#define OF_OUTPUT                                                              \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |           \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)

#define OF_LISTENER                                                            \
	(LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* What the C library reads to size its pool of memory. */
static const char *const readable[] = {
	"/proc/sys/vm/overcommit_memory",
	"/sys/devices/system/cpu",
};

static void
allow_directory_of(struct landlock *l, const char *path, uint64_t rights)
{
	char directory[PATH_MAX];

	path_pattern_directory(path, directory);
	landlock_allow(l, directory, rights);
}

/*
 * A directory may be made anew, or mounted over, while we run.  So that a file
 * can be made there too, allow the directory above; but not what has all of the
 * system in it.
 */
static void
allow_above(struct landlock *l, const char *path)
{
	char directory[PATH_MAX], real[PATH_MAX], *slash;

	path_pattern_directory(path, directory);
	slash = realpath(directory, real) ? strrchr(real, '/') : NULL;
	if (!slash)
		return;
	*slash = '\0';
	if (*real && strcmp(real, "/var") != 0)
		landlock_allow(l, real, OF_OUTPUT);
}

static bool
is_device(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 &&
	       (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode));
}

/*
 * A file is rotated where the links of its path lead to.  A device is never
 * made anew, and its directory has others.
 */
static void
allow_output(struct landlock *l, const char *path)
{
	char real[PATH_MAX];

	if (is_device(path)) {
		landlock_allow(l, path, OF_OUTPUT);
		return;
	}
	allow_directory_of(l, path, OF_OUTPUT);
	allow_above(l, path);
	if (realpath(path, real))
		allow_directory_of(l, real, OF_OUTPUT);
}

/* At SIGHUP a certificate is read anew; another file may have its name. */
static void
allow_reading(struct landlock *l, const char *path)
{
	char real[PATH_MAX];

	if (!path)
		return;
	allow_directory_of(l, path, LANDLOCK_ACCESS_FS_READ_FILE);
	if (realpath(path, real))
		allow_directory_of(l, real, LANDLOCK_ACCESS_FS_READ_FILE);
}

static void
allow_certificates(struct landlock *l, const struct config_tls *tls)
{
	allow_reading(l, tls->certificate);
	allow_reading(l, tls->key);
	allow_reading(l, tls->authorities);
	allow_reading(l, tls->revoked);
}

static void
allow_listener(struct landlock *l, const struct listener_config *config)
{
	if (config->path)
		allow_directory_of(l, config->path, OF_LISTENER);
	else if (config->protocol == PROTOCOL_TCP)
		landlock_allow_port(l, config->port);
	if (config->tls)
		allow_certificates(l, config->tls);
}

/* With port 0 a listener binds later what the kernel chose at first. */
static bool
knows_ports(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].protocol == PROTOCOL_TCP &&
		    config->listeners[i].port == 0)
			return false;
	return true;
}

/* Whether the manager or the bus may have an address without a file. */
static bool
needs_abstract(void)
{
	const char *notify = getenv("NOTIFY_SOCKET");
	const char *bus = getenv("DBUS_SYSTEM_BUS_ADDRESS");

	return (notify && *notify == '@') || (bus && strstr(bus, "abstract"));
}

static bool
enforce_landlock(const struct config *config)
{
	unsigned refused = (knows_ports(config) ? LANDLOCK_BINDS : 0) |
			   (needs_abstract() ? 0 : LANDLOCK_ABSTRACTS);
	struct landlock l;

	if (!landlock_open(&l, refused))
		return false;
	for (size_t i = 0; i < config->output_count; i++)
		if (config->outputs[i].path)
			allow_output(&l, config->outputs[i].path);
	for (size_t i = 0; i < config->listener_count; i++)
		allow_listener(&l, &config->listeners[i]);
	if (*config->status_socket)
		allow_directory_of(&l, config->status_socket, OF_LISTENER);
	for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
		landlock_allow(&l, readable[i], LANDLOCK_ACCESS_FS_READ_FILE);
	return landlock_enforce(&l);
}

static bool
has_paths(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].path)
			return true;
	return *config->status_socket;
}

static void
log_missing(const char *what)
{
	diag(LOG_INFO, "cannot confine itself with %s: %s", what,
	     strerror(errno));
}

void
confine(const struct config *config)
{
	if (SANITIZED)
		return; /* it reads files and runs programs */
	if (!config->confine) {
		diag(LOG_INFO, "not confined, as the setting confine says");
		return;
	}
	/* The time zone is read once; then its file cannot be. */
	tzset();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_missing("no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		log_missing("PR_SET_DUMPABLE");
	if (!enforce_landlock(config))
		log_missing("Landlock");
	if (!confine_calls(has_paths(config)))
		log_missing("seccomp");
}
