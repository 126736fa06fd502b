/* SPDX-License-Identifier: MIT */
/* One suite a room; CK_RUN_SUITE=escape tests/check runs one of them. */
#ifndef PORTLOG_TESTS_CHECK_H
#define PORTLOG_TESTS_CHECK_H

#include <check.h>

/*
 * The head of a function that makes a suite and returns it.  A file of tests
 * that has one is run by main(), which need not know of it.
 */
#define SUITE(name)                                                            \
	static Suite *name##_suite(void);                                      \
	__attribute__((constructor)) static void add_##name##_suite(void)      \
	{                                                                      \
		check_add(name##_suite());                                     \
	}                                                                      \
	static Suite *name##_suite(void)

/* Run this suite too. */
void check_add(Suite *);

#endif
