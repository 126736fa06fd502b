/* SPDX-License-Identifier: MIT */
/* One suite for each module.  CK_RUN_SUITE=escape tests/check runs one. */
#ifndef PORTLOG_TESTS_CHECK_H
#define PORTLOG_TESTS_CHECK_H

#include <check.h>

/*
 * The head of a function that makes a suite and returns it.  The suite
 * registers itself before main(), which runs all suites.
 */
#define SUITE(name)                                                            \
	static Suite *name##_suite(void);                                      \
	__attribute__((constructor)) static void add_##name##_suite(void)      \
	{                                                                      \
		check_add(name##_suite());                                     \
	}                                                                      \
	static Suite *name##_suite(void)

/* Register a suite. */
void check_add(Suite *);

#endif
