/* SPDX-License-Identifier: MIT */
/*
 * fuzz_rates: datagrams and reads of some sources, at any times.  Each is let
 * in, or as much of it, as a bucket with exact numbers says.
 *
 * Of an input the first bytes are the limits: two of records, two of bytes, one
 * of seconds, one of bits of a prefix.  Then come steps of six bytes: the
 * source, two of milliseconds that pass, two of bytes, one of records; of these
 * the highest bit says whether it is a datagram or a read.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "input/rates.h"

#define HEAD 6
#define STEP 6
#define SOURCES 8

/* Thousandths of what is there; negative: more was taken than that. */
struct model {
	__int128 records, bytes;
};

struct run {
	struct limits limits;
	struct rates *rates;
	struct model sources[SOURCES];
};

static long long now_ms;

static struct address
peer_of(unsigned source)
{
	struct address peer = { .size = sizeof peer.in6 };
	unsigned char *bytes = peer.in6.sin6_addr.s6_addr;

	/* The first byte, which each prefix has, is the source. */
	peer.in6.sin6_family = AF_INET6;
	memset(bytes, 0xff, 16);
	bytes[0] = (unsigned char)(source << 5);
	bytes[15] = (unsigned char)now_ms;
	return peer;
}

static void
fill(__int128 *amount, unsigned a_second, unsigned burst_s, unsigned ms)
{
	__int128 most = (__int128)a_second * burst_s * 1000;

	*amount += (__int128)a_second * ms;
	if (*amount > most)
		*amount = most;
}

static uint64_t
left(__int128 amount, unsigned a_second, uint64_t wanted)
{
	__int128 whole = amount < 0 ? 0 : amount / 1000;

	return a_second == 0 || whole > wanted ? wanted : (uint64_t)whole;
}

static void
step(struct run *r, const uint8_t *data)
{
	const struct limits *l = &r->limits;
	struct model *m = &r->sources[data[0] % SOURCES];
	struct address peer = peer_of(data[0] % SOURCES), source;
	const struct rate_amount wanted = {
		.records = data[5] & 127U,
		.bytes = data[3] * 256U + data[4],
	};
	unsigned ms = data[1] * 256U + data[2];
	struct rate_amount can, taken;
	struct rate_source *s;

	now_ms += ms;
	for (unsigned i = 0; i < SOURCES; i++) {
		fill(&r->sources[i].records, l->rate_records, l->rate_burst_s,
		     ms);
		fill(&r->sources[i].bytes, l->rate_bytes, l->rate_burst_s, ms);
	}
	can.records = left(m->records, l->rate_records, UINT64_MAX);
	can.bytes = left(m->bytes, l->rate_bytes, UINT64_MAX);
	taken = wanted;
	if (data[5] & 128) {
		bool is_admitted =
			rates_admit(r->rates, &peer, wanted, now_ms, &source);

		REQUIRE(is_admitted == (can.records > 0 && can.bytes > 0));
		if (!is_admitted) {
			REQUIRE(source.size > 0);
			taken = (struct rate_amount){ 0 };
		}
	} else {
		s = rates_hold(r->rates, &peer, now_ms);
		REQUIRE(s->address.size > 0);
		taken = rates_take(r->rates, s, wanted, now_ms);
		if (can.records == 0 || can.bytes == 0)
			REQUIRE(taken.records == 0 && taken.bytes == 0);
		else
			REQUIRE(taken.records == left(m->records,
						      l->rate_records,
						      wanted.records) &&
				taken.bytes == left(m->bytes, l->rate_bytes,
						    wanted.bytes));
		rates_settle(r->rates, s, taken, wanted, now_ms);
		rates_release(r->rates, s);
		taken = wanted;
	}
	m->records -= (__int128)taken.records * 1000;
	m->bytes -= (__int128)taken.bytes * 1000;
}

int
fuzz_rates(const uint8_t *data, size_t size)
{
	struct run r = { 0 };

	if (size < HEAD)
		return 0;
	now_ms = 1;
	r.limits.rate_records = data[0] * 256U + data[1];
	r.limits.rate_bytes = data[2] * 256U + data[3];
	r.limits.rate_burst_s = data[4] + 1U;
	r.rates = rates_new(&r.limits, data[5] % 118U + 3, 0, 1);
	for (unsigned i = 0; i < SOURCES; i++) {
		fill(&r.sources[i].records, r.limits.rate_records,
		     r.limits.rate_burst_s, UINT32_MAX);
		fill(&r.sources[i].bytes, r.limits.rate_bytes,
		     r.limits.rate_burst_s, UINT32_MAX);
	}
	for (size_t at = HEAD; r.rates && at + STEP <= size; at += STEP)
		step(&r, data + at);
	rates_free(r.rates);
	return 0;
}
