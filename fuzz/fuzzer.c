/* SPDX-License-Identifier: MIT */
/* The entry points of libFuzzer.  $FUZZ_TARGET names the target. */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *target;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	for (target = fuzz_targets; target->name; target++)
		if (name && strcmp(target->name, name) == 0)
			return 0;
	fputs("FUZZ_TARGET must be one of", stderr);
	for (target = fuzz_targets; target->name; target++)
		fprintf(stderr, " %s", target->name);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return target->run(data, size);
}
