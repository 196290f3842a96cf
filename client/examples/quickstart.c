/* SPDX-License-Identifier: MIT */
/* Stores a list under a name, gives it a second name, changes it through one name
 * and reads it through the other. */
#include <inttypes.h>
#include <stdio.h>
#include <tenure/tenure.h>

static int fail(const tn_client *client)
{
    (void)fprintf(stderr, "quickstart: %s\n", tn_client_error(client)->message);
    return 1;
}

int main(void)
{
    TN_CLIENT_CLEANUP tn_client *client = NULL;
    TN_VALUES_CLEANUP tn_values *values = tn_values_new();
    tn_description about = TN_DESCRIPTION_INIT;
    tn_value list = tn_value_list(values);
    tn_value got;

    tn_value_append(list, tn_value_int(values, 1));
    tn_value_append(list, tn_value_str(values, "two"));

    if (tn_client_open(NULL, &client) < 0 || tn_client_set(client, "numbers", list) < 0 ||
        tn_client_bind(client, "same", tn_named("numbers")) < 0 ||
        tn_client_list_append(client, tn_named("same"), tn_value_float(values, 3.0), NULL) < 0 ||
        tn_client_get(client, tn_named("numbers"), NULL, values, &got) < 0 ||
        tn_client_describe(client, tn_named("numbers"), false, 0, &about) < 0)
        return fail(client);

    printf("%zu items, %" PRId64 " references\n", tn_value_len(got), about.refs);
    return tn_client_unbind(client, "same") < 0 || tn_client_unbind(client, "numbers") < 0
               ? fail(client)
               : 0;
}
