/* SPDX-License-Identifier: MIT */
#include "input/admission.h"

#include "base/clock.h"
#include "input/admission_proxy.h"
#include "input/admission_tls.h"

enum admission_result
admission_run(struct connection *c)
{
	unsigned timeout_s = c->listener->config->admission_timeout_s;
	struct admission admission = { .connection = c };
	enum admission_result result = ADMISSION_GRANTED;

	/* It is admitted, or ended with the process before this one. */
	if (!c->entry.unadmitted || c->entry.fd < 0)
		return ADMISSION_GRANTED;
	admission.until_ms = clock_now_ms() + timeout_s * 1000LL;
	if (c->proxy_header != STATE_HEADER_NONE)
		result = admission_read_header(&admission);
	if (result == ADMISSION_GRANTED && c->tls_state == STATE_TLS_AWAITED)
		result = admission_secure(&admission);
	if (result != ADMISSION_GRANTED)
		return result;
	registry_admit(c->registry, &c->entry);
	/* What it does not send from now on makes it idle. */
	c->received_ms = clock_now_ms();
	return ADMISSION_GRANTED;
}
