/* SPDX-License-Identifier: MIT */
/* Builds a value and tries to reach a server that is not there. */
#include <stdio.h>
#include <tenure/tenure.h>

int main(void)
{
    tn_client_options options = TN_CLIENT_OPTIONS_INIT;
    tn_client *client = NULL;
    tn_values *values = tn_values_new();
    tn_value list = tn_value_list(values);
    int64_t integer = 0;
    int r;

    tn_value_append(list, tn_value_int(values, 1));
    tn_value_append(list, tn_value_str(values, "two"));
    if (tn_value_as_int(tn_value_item(list, 0), &integer) < 0)
        return 1;
    options.endpoint = "unix:/nonexistent/tenured.sock";
    r = tn_client_open(&options, &client);
    printf("[%ld, %s] %s\n", (long)integer, tn_value_as_str(tn_value_item(list, 1), NULL),
           tn_errno_name(r));
    tn_client_close(&client);
    tn_values_free(&values);
    return 0;
}
