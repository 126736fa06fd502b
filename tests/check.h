/* SPDX-License-Identifier: MIT */
/* One suite a room; CK_RUN_SUITE=escape tests/check runs one of them. */
#ifndef PORTLOG_TESTS_CHECK_H
#define PORTLOG_TESTS_CHECK_H

#include <check.h>

Suite *address_suite(void);
Suite *config_suite(void);
Suite *connections_suite(void);
Suite *crowd_suite(void);
Suite *escape_suite(void);
Suite *format_suite(void);
Suite *framer_suite(void);
Suite *kept_suite(void);
Suite *logline_suite(void);
Suite *output_suite(void);
Suite *pace_suite(void);
Suite *utf8_suite(void);

#endif
