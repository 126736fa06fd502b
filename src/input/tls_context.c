/* SPDX-License-Identifier: MIT */
#include "input/tls_context.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "input/tls_files.h"

struct tls_context {
	const struct config_tls *config; /* borrowed */
	pthread_mutex_t reading; /* held while files are read: one at a time */
	pthread_mutex_t lock;
	/* Under the lock; what sessions use is never changed but replaced. */
	SSL_CTX *ctx;
	struct tls_dates dates;
};

struct tls_context *
tls_context_open(const struct config_tls *config, char error[TLS_ERROR])
{
	struct tls_context *context = calloc(1, sizeof *context);

	if (!context) {
		snprintf(error, TLS_ERROR, "no memory");
		return NULL;
	}
	/* exit() must not free what a thread still uses. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
	context->config = config;
	pthread_mutex_init(&context->reading, NULL);
	pthread_mutex_init(&context->lock, NULL);
	if (tls_context_reload(context, error))
		return context;
	tls_context_close(context);
	return NULL;
}

bool
tls_context_reload(struct tls_context *context, char error[TLS_ERROR])
{
	struct tls_dates dates;
	SSL_CTX *ctx, *old = NULL;

	/* Who reads last has the newest files, and is the last to set them. */
	pthread_mutex_lock(&context->reading);
	ctx = tls_files_read(context->config, &dates, error);
	if (ctx) {
		pthread_mutex_lock(&context->lock);
		old = context->ctx;
		context->ctx = ctx;
		context->dates = dates;
		pthread_mutex_unlock(&context->lock);
	}
	pthread_mutex_unlock(&context->reading);
	SSL_CTX_free(old);
	return ctx;
}

void
tls_context_dates(struct tls_context *context, struct tls_dates *dates)
{
	pthread_mutex_lock(&context->lock);
	*dates = context->dates;
	pthread_mutex_unlock(&context->lock);
}

SSL *
tls_context_session(struct tls_context *context)
{
	SSL *ssl;

	pthread_mutex_lock(&context->lock);
	ssl = SSL_new(context->ctx); /* which holds the SSL_CTX too */
	pthread_mutex_unlock(&context->lock);
	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

void
tls_context_close(struct tls_context *context)
{
	SSL_CTX_free(context->ctx);
	pthread_mutex_destroy(&context->lock);
	pthread_mutex_destroy(&context->reading);
	free(context);
}
