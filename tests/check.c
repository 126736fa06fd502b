/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>

int
main(void)
{
	SRunner *runner = srunner_create(address_suite());
	int failed;

	srunner_add_suite(runner, config_suite());
	srunner_add_suite(runner, connections_suite());
	srunner_add_suite(runner, crowd_suite());
	srunner_add_suite(runner, escape_suite());
	srunner_add_suite(runner, format_suite());
	srunner_add_suite(runner, framer_suite());
	srunner_add_suite(runner, kept_suite());
	srunner_add_suite(runner, logline_suite());
	srunner_add_suite(runner, output_suite());
	srunner_add_suite(runner, pace_suite());
	srunner_add_suite(runner, utf8_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
