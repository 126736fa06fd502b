/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

#include <stddef.h>
#include <string.h>

/* Two digits at a time: half as many divisions. */
static const char pairs[] = "00010203040506070809"
			    "10111213141516171819"
			    "20212223242526272829"
			    "30313233343536373839"
			    "40414243444546474849"
			    "50515253545556575859"
			    "60616263646566676869"
			    "70717273747576777879"
			    "80818283848586878889"
			    "90919293949596979899";

char *
decimal_put(char *out, uint64_t value)
{
	char digits[DECIMAL_DIGITS], *end = digits + sizeof digits;
	char *begin = end;

	for (; value >= 10; value /= 100)
		begin = memcpy(begin - 2, pairs + 2 * (value % 100), 2);
	if (value > 0 || begin == end)
		*--begin = (char)('0' + value);
	memcpy(out, begin, (size_t)(end - begin));
	return out + (end - begin);
}
