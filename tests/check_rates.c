/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <limits.h>
#include <stdint.h>

#include "input/rate.h"
#include "input/rates.h"

#define SOURCES 20000 /* more than there are places */
#define NOW_MS 1000000000LL

static const struct limits both = { .rate_records = 10,
				    .rate_bytes = 1000,
				    .rate_burst_s = 3 };

/* What is left at a time, as text that a failure shows. */
#define ASSERT_LEFT(rate, limits, records_left, bytes_left)                    \
	do {                                                                   \
		struct rate_amount found = rate_left(rate, limits);            \
		ck_assert_uint_eq(found.records, records_left);                \
		ck_assert_uint_eq(found.bytes, bytes_left);                    \
	} while (0)

static void
take(struct rate *rate, const struct limits *limits, uint64_t records,
     uint64_t bytes)
{
	const struct rate_amount amount = { records, bytes };

	rate_take(rate, limits, amount);
}

START_TEST(a_bucket_holds_a_burst_and_fills_again)
{
	struct rate rate = { .filled_ms = NOW_MS };

	ck_assert(rate_is_full(&rate));
	ASSERT_LEFT(&rate, &both, 30, 3000);
	take(&rate, &both, 30, 1);
	ck_assert(!rate_is_full(&rate));
	ASSERT_LEFT(&rate, &both, 0, 2999);
	rate_fill(&rate, &both, NOW_MS + 99);
	ASSERT_LEFT(&rate, &both, 0, 3000);
	rate_fill(&rate, &both, NOW_MS + 100);
	ASSERT_LEFT(&rate, &both, 1, 3000);
	rate_fill(&rate, &both, NOW_MS + 2999);
	ASSERT_LEFT(&rate, &both, 29, 3000);
	rate_fill(&rate, &both, NOW_MS + 3000);
	ck_assert(rate_is_full(&rate));
	rate_fill(&rate, &both, NOW_MS + 1000000);
	ASSERT_LEFT(&rate, &both, 30, 3000);
}
END_TEST

START_TEST(what_was_taken_beyond_comes_in_first)
{
	struct rate rate = { .filled_ms = NOW_MS };

	take(&rate, &both, 1, 5000);
	ASSERT_LEFT(&rate, &both, 29, 0);
	rate_fill(&rate, &both, NOW_MS + 2000);
	ASSERT_LEFT(&rate, &both, 30, 0);
	rate_fill(&rate, &both, NOW_MS + 2001);
	ASSERT_LEFT(&rate, &both, 30, 1);
}
END_TEST

START_TEST(what_is_put_back_was_never_taken)
{
	struct rate rate = { .filled_ms = NOW_MS };
	const struct rate_amount unused = { 20, 3000 };

	take(&rate, &both, 30, 3000);
	rate_put_back(&rate, unused);
	ASSERT_LEFT(&rate, &both, 20, 3000);
	/* Not more than was missing. */
	rate_put_back(&rate, unused);
	ck_assert(rate_is_full(&rate));
	ASSERT_LEFT(&rate, &both, 30, 3000);
}
END_TEST

START_TEST(no_limit_is_none_and_counts_nothing)
{
	const struct limits bytes = { .rate_bytes = 5, .rate_burst_s = 1 };
	const struct limits none = { .rate_burst_s = 10 };
	struct rate rate = { .filled_ms = NOW_MS };

	ck_assert(!rate_is_limited(&none) && rate_is_limited(&bytes) &&
		  rate_is_limited(&both));
	for (int i = 0; i < 10; i++)
		take(&rate, &bytes, UINT64_MAX / 2, 1);
	ASSERT_LEFT(&rate, &bytes, UINT64_MAX, 0);
	rate_fill(&rate, &bytes, NOW_MS + 2000);
	ck_assert(rate_is_full(&rate));
	take(&rate, &none, UINT64_MAX, UINT64_MAX);
	ASSERT_LEFT(&rate, &none, UINT64_MAX, UINT64_MAX);
}
END_TEST

/* However the time is cut, an hour has as many records: nothing is rounded. */
START_TEST(a_rate_does_not_drift)
{
	static const unsigned steps_ms[] = { 1, 3, 7, 999, 1000, 3600000 };
	const struct limits odd = { .rate_records = 7,
				    .rate_bytes = 999983,
				    .rate_burst_s = 1 };

	for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) {
		struct rate rate = { .filled_ms = NOW_MS };
		long long end_ms = NOW_MS + 3600000;

		take(&rate, &odd, 7 + 7 * 3600, 999983 * UINT64_C(3601));
		for (long long now = NOW_MS; now < end_ms; now += steps_ms[i])
			rate_fill(&rate, &odd, now);
		rate_fill(&rate, &odd, end_ms - 1);
		ASSERT_LEFT(&rate, &odd, 0, 0);
		rate_fill(&rate, &odd, end_ms + 1000);
		ck_assert(rate_is_full(&rate));
	}
}
END_TEST

START_TEST(no_time_and_no_rate_is_too_large)
{
	const struct limits most = { .rate_records = INT_MAX,
				     .rate_bytes = INT_MAX,
				     .rate_burst_s = 3600 };
	struct rate rate = { .filled_ms = LLONG_MIN };
	uint64_t burst = UINT64_C(3600) * INT_MAX;

	take(&rate, &most, burst, burst + 1000000);
	ASSERT_LEFT(&rate, &most, 0, 0);
	rate_fill(&rate, &most, LLONG_MAX);
	ASSERT_LEFT(&rate, &most, burst, burst);
	take(&rate, &most, 1, 1);
	/* Set back, it adds nothing, and nothing is counted twice. */
	rate_fill(&rate, &most, 0);
	ASSERT_LEFT(&rate, &most, burst - 1, burst - 1);
}
END_TEST

static struct address
host(unsigned number)
{
	struct address address;

	ck_assert(address_parse(&address, "10.0.0.0", 514));
	address.in.sin_addr.s_addr |= htonl(number);
	return address;
}

static bool
admits(struct rates *rates, const struct address *peer, long long now_ms,
       struct address *source)
{
	const struct rate_amount amount = { 1, 100 };

	return rates_admit(rates, peer, amount, now_ms, source);
}

START_TEST(each_source_has_its_own_bucket)
{
	struct rates *rates = rates_new(&both, 64, 0, 0);
	struct address one = host(1), other = host(2), source;

	for (int i = 0; i < 30; i++)
		ck_assert(admits(rates, &one, NOW_MS, &source));
	ck_assert(!admits(rates, &one, NOW_MS, &source));
	ck_assert(address_same_host(&source, &one));
	ck_assert(admits(rates, &other, NOW_MS, &source));
	ck_assert(!admits(rates, &one, NOW_MS + 99, &source));
	ck_assert(admits(rates, &one, NOW_MS + 100, &source));
	ck_assert(!admits(rates, &one, NOW_MS + 100, &source));
	rates_free(rates);
}
END_TEST

START_TEST(a_network_of_ipv6_and_a_user_are_one_source)
{
	static const struct {
		const char *first, *second;
		unsigned prefix;
		bool is_same;
	} pairs[] = {
		{ "2001:db8::1", "2001:db8::ffff:2", 64, true },
		{ "2001:db8::1", "2001:db8:0:1::1", 64, false },
		{ "2001:db8::1", "2001:db8::2", 128, false },
		{ "2001:db8::1", "2001:db8:0:1::1", 48, true },
		{ "192.0.2.1", "192.0.2.2", 1, false },
		{ "192.0.2.1", "::ffff:192.0.2.1", 64, true },
	};
	struct address a, b, source;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct rates *rates = rates_new(&both, pairs[i].prefix, 0, 0);

		ck_assert(address_parse(&a, pairs[i].first, 1));
		ck_assert(address_parse(&b, pairs[i].second, 2));
		while (admits(rates, &a, NOW_MS, &source))
			;
		ck_assert(admits(rates, &b, NOW_MS, &source) !=
			  pairs[i].is_same);
		rates_free(rates);
	}
}
END_TEST

/* Nor does a flood from others take away the bucket of a peer. */
START_TEST(a_limited_source_stays_so_whatever_others_send)
{
	struct rates *rates = rates_new(&both, 64, 0, 0);
	struct address peer = host(0), source;
	unsigned shared = 0, admitted = 0;

	while (admits(rates, &peer, NOW_MS, &source))
		;
	for (unsigned i = 1; i <= SOURCES; i++) {
		struct address other = host(i);

		if (admits(rates, &other, NOW_MS, &source))
			admitted++;
		else if (source.size == 0)
			shared++;
	}
	/* Those that find no place have the rate of one. */
	ck_assert_uint_le(admitted, RATES_PLACES - 1 + 30);
	ck_assert_uint_ge(admitted, RATES_PLACES / 2);
	ck_assert_uint_eq(admitted + shared, SOURCES);
	ck_assert(!admits(rates, &peer, NOW_MS + 99, &source));
	ck_assert(address_same_host(&source, &peer));
	/* Once their buckets are full, others get the places. */
	for (unsigned i = 1; i <= RATES_PLACES / 4; i++) {
		struct address other = host(SOURCES + i);

		ck_assert(admits(rates, &other, NOW_MS + 4000, &source));
	}
	rates_free(rates);
}
END_TEST

START_TEST(a_source_that_is_held_keeps_its_place)
{
	struct rates *rates = rates_new(&both, 64, SOURCES, 1);
	static struct rate_source *held[SOURCES];
	const struct rate_amount all = { 30, 3000 }, none = { 0, 0 };
	struct rate_amount taken;
	unsigned others = 0;

	for (unsigned i = 0; i < SOURCES; i++) {
		struct address peer = host(i);

		held[i] = rates_hold(rates, &peer, NOW_MS);
		others += held[i]->address.size == 0;
	}
	/* Once in a long while the hashes of too many are alike. */
	ck_assert_uint_lt(others, SOURCES / 1000);
	for (unsigned i = 0; i < SOURCES; i++) {
		struct address peer = host(i);

		if (held[i]->address.size == 0)
			continue;
		ck_assert_ptr_eq(rates_hold(rates, &peer, NOW_MS), held[i]);
		rates_release(rates, held[i]);
		taken = rates_take(rates, held[i], all, NOW_MS);
		ck_assert_uint_eq(taken.records, 30);
		ck_assert_uint_eq(taken.bytes, 3000);
		rates_settle(rates, held[i], all, none, NOW_MS);
		rates_release(rates, held[i]);
	}
	rates_free(rates);
}
END_TEST

START_TEST(a_stream_takes_what_is_left_and_settles)
{
	struct rates *rates = rates_new(&both, 64, 1, 1000);
	struct address peer = host(1);
	struct rate_source *s = rates_hold(rates, &peer, NOW_MS);
	const struct rate_amount wanted = { 20, 65536 };
	struct rate_amount taken = rates_take(rates, s, wanted, NOW_MS);

	ck_assert_uint_eq(taken.records, 20);
	ck_assert_uint_eq(taken.bytes, 3000);
	/* Nothing of one is nothing at all. */
	taken = rates_take(rates, s, wanted, NOW_MS);
	ck_assert_uint_eq(taken.records, 0);
	ck_assert_uint_eq(taken.bytes, 0);
	rates_settle(rates, s, (struct rate_amount){ 20, 3000 },
		     (struct rate_amount){ 21, 500 }, NOW_MS);
	taken = rates_take(rates, s, wanted, NOW_MS);
	ck_assert_uint_eq(taken.records, 9);
	ck_assert_uint_eq(taken.bytes, 2500);
	rates_free(rates);
}
END_TEST

START_TEST(there_is_plenty_if_it_lasts_for_two_reads_of_each_holder)
{
	struct rates *rates = rates_new(&both, 64, 3, 7);
	struct address peer = host(1);
	const struct rate_amount none = { 0, 0 }, two = { 2, 100 };
	struct rate_source *s = rates_hold(rates, &peer, NOW_MS);

	/* 14 of 30 records, and then 28. */
	ck_assert(rates_has_plenty(s));
	rates_hold(rates, &peer, NOW_MS);
	ck_assert(rates_has_plenty(s));
	rates_settle(rates, s, none, two, NOW_MS);
	ck_assert(rates_has_plenty(s));
	rates_settle(rates, s, none, two, NOW_MS);
	ck_assert(!rates_has_plenty(s));
	rates_settle(rates, s, none, none, NOW_MS + 200);
	ck_assert(rates_has_plenty(s));
	rates_hold(rates, &peer, NOW_MS + 200);
	ck_assert(!rates_has_plenty(s));
	rates_free(rates);
}
END_TEST

START_TEST(without_a_limit_there_is_no_table)
{
	const struct limits none = { .rate_burst_s = 10 };

	ck_assert_ptr_null(rates_new(&none, 64, 1024, 1));
	ck_assert_uint_eq(rates_bytes(NULL), 0);
	rates_free(NULL);
}
END_TEST

SUITE(rates)
{
	Suite *suite = suite_create("rates");
	TCase *tests = tcase_create("rates");

	tcase_add_test(tests, a_bucket_holds_a_burst_and_fills_again);
	tcase_add_test(tests, what_was_taken_beyond_comes_in_first);
	tcase_add_test(tests, what_is_put_back_was_never_taken);
	tcase_add_test(tests, no_limit_is_none_and_counts_nothing);
	tcase_add_test(tests, a_rate_does_not_drift);
	tcase_add_test(tests, no_time_and_no_rate_is_too_large);
	tcase_add_test(tests, each_source_has_its_own_bucket);
	tcase_add_test(tests, a_network_of_ipv6_and_a_user_are_one_source);
	tcase_add_test(tests, a_limited_source_stays_so_whatever_others_send);
	tcase_add_test(tests, a_source_that_is_held_keeps_its_place);
	tcase_add_test(tests, a_stream_takes_what_is_left_and_settles);
	tcase_add_test(
		tests,
		there_is_plenty_if_it_lasts_for_two_reads_of_each_holder);
	tcase_add_test(tests, without_a_limit_there_is_no_table);
	suite_add_tcase(suite, tests);
	return suite;
}
