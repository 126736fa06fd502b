/* SPDX-License-Identifier: MIT */
/*
 * expect: what is expected in place of a value that no start could use, as text
 * to put behind "expected "; NULL: the value is right.  Any thread.
 */
#ifndef PORTLOG_CONFIG_EXPECT_H
#define PORTLOG_CONFIG_EXPECT_H

#include "base/address.h"

/* "*" or a numeric address, whose zone is an interface of this host. */
const char *expect_address(const char *value);

/* Such an address, for this protocol, with an interface set or not. */
const char *expect_usable_address(const char *value, enum protocol,
				  bool has_interface);

/*
 * A multicast group that a UDP listener at this address can receive from, with
 * an interface set or not.
 */
const char *expect_group(const char *value, const char *address,
			 bool has_interface);

/* The path of a Unix socket; the name or number of a group of users. */
const char *expect_unix_path(const char *value);
const char *expect_user_group(const char *value);

/* The path of a file, or a pattern: see path_pattern.h. */
const char *expect_path(const char *value);

#endif
