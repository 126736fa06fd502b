/* SPDX-License-Identifier: MIT */
#include "config/read_output.h"

#include "base/memory.h"
#include "config/check_output.h"
#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/group.h"

static void
check_output_conflicts(struct reader *r, config_setting_t *group)
{
	const struct config *config = r->config;
	size_t last = config->output_count - 1;
	const struct output_config *output = &config->outputs[last];
	char place[256];

	for (size_t i = 0; i < last; i++) {
		const struct output_config *first = &config->outputs[i];
		bool is_same = conflicts_outputs(first, output);

		if (!is_same && !conflicts_rotated(first, output))
			continue;
		group_describe_place(r, group, i, place);
		error_at(r, group,
			 is_same ? "found a second output to %s, the first is "
				   "on %s"
				 : "found an output to %s, where max_size "
				   "renames files, beside the one on %s",
			 output->path ? output->path : "stdout", place);
		return;
	}
	if (*output->name &&
	    config_find_output(config, output->name) != (int)last)
		error_at(r, group,
			 "found a second output \"%s\", expected a name of its "
			 "own",
			 output->name);
}

/*
 * An output without a name, and without a path or type to be named after, is
 * called "".  If an error hides its name, no listener's outputs are reported as
 * unknown.
 */
static void
name_output(struct reader *r, struct output_config *output, uint64_t wrong)
{
	const struct option *table = config_output_options;
	bool is_unknown = group_is_wrong(wrong, table, "name") ||
			  output->type == OUTPUT_UNKNOWN ||
			  group_is_wrong(wrong, table, "path");
	bool has_no_path = output->type == OUTPUT_FILE && !output->path;

	if (!output->name && (is_unknown || has_no_path)) {
		output->name = memory_copy("");
		r->has_unknown_names |= is_unknown;
	}
	config_complete_outputs(r->config);
}

void
read_output(struct reader *r, config_setting_t *group)
{
	const struct option *table = config_output_options;
	struct config *config = r->config;
	struct output_config *output;
	uint64_t wrong;

	if (config->output_count == CONFIG_OUTPUTS) {
		error_at(r, group, "found more outputs than %d, the most",
			 CONFIG_OUTPUTS);
		return;
	}
	output = config_add_output(config);
	wrong = group_read(r, group, table, output);
	if (group_is_wrong(wrong, table, "type")) {
		output->type = OUTPUT_UNKNOWN;
	} else {
		group_check_applies(r, group, table,
				    option_output_kinds(output),
				    "this type of output");
		check_output(r, group, output);
	}
	name_output(r, output, wrong);
	check_output_conflicts(r, group);
}
