/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>

static SRunner *runner;

void
check_add(Suite *suite)
{
	if (!runner)
		runner = srunner_create(NULL);
	srunner_add_suite(runner, suite);
}

int
main(void)
{
	int failed;

	if (!runner)
		return EXIT_FAILURE;
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
