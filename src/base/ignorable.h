/* SPDX-License-Identifier: MIT */
/*
 * ignorable: Default_Ignorable_Code_Point of Unicode 15.0.0, in order:
 * what has no glyph may show nothing in place of these.  Data alone.  Made by
 * ignorable.py; do not change it by hand.
 */
#ifndef PORTLOG_BASE_IGNORABLE_H
#define PORTLOG_BASE_IGNORABLE_H

#include <stdint.h>

static const struct {
	uint32_t first, last;
} ignorable[] = {
	{ 0x000ad, 0x000ad }, { 0x0034f, 0x0034f }, { 0x0061c, 0x0061c },
	{ 0x0115f, 0x01160 }, { 0x017b4, 0x017b5 }, { 0x0180b, 0x0180f },
	{ 0x0200b, 0x0200f }, { 0x0202a, 0x0202e }, { 0x02060, 0x0206f },
	{ 0x03164, 0x03164 }, { 0x0fe00, 0x0fe0f }, { 0x0feff, 0x0feff },
	{ 0x0ffa0, 0x0ffa0 }, { 0x0fff0, 0x0fff8 }, { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

#endif
