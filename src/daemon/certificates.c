/* SPDX-License-Identifier: MIT */
#include "daemon/certificates.h"

#include <limits.h>

#include "base/clock.h"
#include "base/diag.h"
#include "daemon/listeners.h"
#include "input/tls_context.h"

#define DAY_MS 86400000LL

/* Log until when what was read is valid; or only what is a warning. */
static void
log_dates(const char *name, struct tls_context *context, bool only_warnings)
{
	time_t now = time(NULL);
	char text[TLS_DATES_TEXT];
	struct tls_dates dates;
	bool is_warning;

	tls_context_dates(context, &dates);
	is_warning = tls_dates_describe(&dates, now, text);
	if (is_warning || !only_warnings)
		diag(is_warning ? LOG_WARNING : LOG_INFO, "listener %s: %s",
		     name, text);
	if (tls_dates_describe_revoked(&dates, now, text))
		diag(LOG_WARNING, "listener %s: %s", name, text);
}

void
certificates_check(const struct config *config, struct errors *errors)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_config *l = &config->listeners[i];
		struct tls_context *context;
		char error[TLS_ERROR];

		/* Of what is missing there is an error. */
		if (!l->tls || !l->tls->certificate || !l->tls->key)
			continue;
		context = tls_context_open(l->tls, error);
		if (!context) {
			errors_add(errors, l->tls->file, l->tls->line,
				   "tls: %s", error);
			continue;
		}
		log_dates(l->name ? l->name : "tcp/0", context, true);
		tls_context_close(context);
	}
	errors_sort(errors);
}

bool
certificates_open(struct listeners *ls)
{
	bool all = true;

	ls->warn_at_ms = LLONG_MAX;
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];
		char error[TLS_ERROR];

		if (!l->config->tls)
			continue;
		ls->warn_at_ms = clock_now_ms() + DAY_MS;
		l->tls = tls_context_open(l->config->tls, error);
		if (!l->tls)
			diag(LOG_ERR, "listener %s: tls: %s", l->name, error);
		all &= l->tls != NULL;
	}
	return all;
}

void
certificates_reload(struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];
		char error[TLS_ERROR];

		if (!l->tls)
			continue;
		if (tls_context_reload(l->tls, error))
			log_dates(l->name, l->tls, false);
		else
			diag(LOG_ERR,
			     "listener %s: tls: %s; what was read before is "
			     "used on",
			     l->name, error);
	}
}

void
certificates_tend(struct listeners *ls, long long *until_ms)
{
	long long now_ms = clock_now_ms();

	if (now_ms >= ls->warn_at_ms) {
		ls->warn_at_ms = now_ms + DAY_MS;
		for (size_t i = 0; i < ls->count; i++)
			if (ls->list[i].tls)
				log_dates(ls->list[i].name, ls->list[i].tls,
					  true);
	}
	if (ls->warn_at_ms < *until_ms)
		*until_ms = ls->warn_at_ms;
}
