/* SPDX-License-Identifier: MIT */
/* tls_none: in place of the other tls files, in a build without OpenSSL. */
#include <stddef.h>
#include <stdio.h>

#include "input/tls_context.h"

struct tls_context *
tls_context_open(const struct config_tls *config, char error[TLS_ERROR])
{
	(void)config;
	snprintf(error, TLS_ERROR, "this portlogd was built without OpenSSL");
	return NULL;
}

/* There is no context for these. */

bool
tls_context_reload(struct tls_context *context, char error[TLS_ERROR])
{
	(void)context;
	(void)error;
	return false;
}

void
tls_context_dates(struct tls_context *context, struct tls_dates *dates)
{
	(void)context;
	*dates = (struct tls_dates){ 0 };
}

struct ssl_st *
tls_context_session(struct tls_context *context)
{
	(void)context;
	return NULL;
}

void
tls_context_close(struct tls_context *context)
{
	(void)context;
}

void
tls_peer_judge(const struct ssl_st *ssl, unsigned long cause,
	       struct tls_verdict *verdict)
{
	(void)ssl;
	(void)cause;
	*verdict = (struct tls_verdict){ 0 };
}
