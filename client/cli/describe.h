/* SPDX-License-Identifier: MIT */
/* Descriptions of objects, as commands and the shell print them. */
#ifndef TN_CLIENT_CLI_DESCRIBE_H
#define TN_CLIENT_CLI_DESCRIBE_H

#include <tenure/tenure.h>

#include "client/cli/text.h"

/* Several lines for people. */
void cli_put_description(struct cli_text *text, const tn_description *d, bool deep);

/* One JSON object, without a newline. */
void cli_put_description_json(struct cli_text *text, const tn_description *d, bool deep);

/* Who holds an object: several lines, or one JSON object without a newline. */
void cli_put_holders(struct cli_text *text, const tn_holders *holders);
void cli_put_holders_json(struct cli_text *text, const tn_holders *holders);

/* What `tenure info` prints: a table, or one JSON object, each with a newline. */
void cli_put_info(struct cli_text *text, const tn_info *info);
void cli_put_info_json(struct cli_text *text, const tn_info *info);

#endif
