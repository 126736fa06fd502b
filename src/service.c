/* SPDX-License-Identifier: MIT */
#include "service.h"

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#else
/* Started by something else, there is nobody to tell. */
#define sd_notify(unset_environment, state) ((void)0)
#endif

void
service_ready(void)
{
	sd_notify(0, "READY=1");
}

void
service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
