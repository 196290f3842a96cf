/* SPDX-License-Identifier: MIT */
/* Prints where the fields of public structs are. What was released may be extended
 * at its end if it has a struct_size or is made by the library, and not otherwise. */
#include <stdio.h>

#include <tenure/tenure.h>

#define SIZE(type) printf("%s %lu\n", #type, (unsigned long)sizeof(type))
#define FIELD(type, field)                                                                         \
    printf("  %s %lu +%lu\n", #field, (unsigned long)offsetof(type, field),                        \
           (unsigned long)sizeof(((type *)NULL)->field))

int main(void)
{
    SIZE(tn_error);
    FIELD(tn_error, err);
    FIELD(tn_error, code);
    FIELD(tn_error, reason);
    FIELD(tn_error, message);

    SIZE(tn_client_options);
    FIELD(tn_client_options, struct_size);
    FIELD(tn_client_options, endpoint);
    FIELD(tn_client_options, namespace_name);
    FIELD(tn_client_options, client_name);
    FIELD(tn_client_options, connect_timeout_ms);
    FIELD(tn_client_options, timeout_ms);
    FIELD(tn_client_options, max_in_flight);
    FIELD(tn_client_options, max_unsent_bytes);
    FIELD(tn_client_options, lease_ms);

    SIZE(tn_lease_info);
    FIELD(tn_lease_info, struct_size);
    FIELD(tn_lease_info, lease_ms);
    FIELD(tn_lease_info, is_lost);
    FIELD(tn_lease_info, n_resumed);
    FIELD(tn_lease_info, token);

    SIZE(tn_kind);
    SIZE(tn_op_code);
    SIZE(tn_value);
    FIELD(tn_value, values);
    FIELD(tn_value, node);

    SIZE(tn_target);
    FIELD(tn_target, name);
    FIELD(tn_target, name_len);
    FIELD(tn_target, handle);
    FIELD(tn_target, step);

    SIZE(tn_want);
    FIELD(tn_want, struct_size);
    FIELD(tn_want, handle);
    FIELD(tn_want, max_depth);
    FIELD(tn_want, max_nodes);
    FIELD(tn_want, max_bytes);

    SIZE(tn_require);
    FIELD(tn_require, struct_size);
    FIELD(tn_require, absent);
    FIELD(tn_require, same);
    FIELD(tn_require, version);

    SIZE(tn_bind_kind);
    SIZE(tn_lifetime);
    FIELD(tn_lifetime, struct_size);
    FIELD(tn_lifetime, kind);
    FIELD(tn_lifetime, ttl_ms);

    SIZE(tn_binding);
    FIELD(tn_binding, version);
    FIELD(tn_binding, existed);

    SIZE(tn_description);
    FIELD(tn_description, struct_size);
    FIELD(tn_description, identity);
    FIELD(tn_description, type);
    FIELD(tn_description, refs);
    FIELD(tn_description, refs_local);
    FIELD(tn_description, refs_shared);
    FIELD(tn_description, immortal);
    FIELD(tn_description, tracked);
    FIELD(tn_description, state);
    FIELD(tn_description, owner);
    FIELD(tn_description, length);
    FIELD(tn_description, shallow_bytes);
    FIELD(tn_description, deep_bytes);
    FIELD(tn_description, deep_objects);
    FIELD(tn_description, deep_complete);
    FIELD(tn_description, class_name);

    SIZE(tn_class_spec);
    FIELD(tn_class_spec, struct_size);
    FIELD(tn_class_spec, name);
    FIELD(tn_class_spec, slots);
    FIELD(tn_class_spec, n_slots);
    FIELD(tn_class_spec, base);
    FIELD(tn_class_spec, has_dict);
    FIELD(tn_class_spec, has_finalizer);

    SIZE(tn_class_info);
    FIELD(tn_class_info, name);
    FIELD(tn_class_info, base_name);
    FIELD(tn_class_info, n_slots);
    FIELD(tn_class_info, slots);
    FIELD(tn_class_info, has_finalizer);
    FIELD(tn_class_info, records);
    FIELD(tn_description, name_kind);
    FIELD(tn_description, name_ttl_ms);

    SIZE(tn_name_entry);
    FIELD(tn_name_entry, name);
    FIELD(tn_name_entry, name_len);
    FIELD(tn_name_entry, type);
    FIELD(tn_name_entry, version);
    FIELD(tn_name_entry, kind);
    FIELD(tn_name_entry, ttl_ms);

    SIZE(tn_info);
    FIELD(tn_info, version);
    FIELD(tn_info, namespaces);
    FIELD(tn_info, live_objects);
    FIELD(tn_info, objects_by_type);
    FIELD(tn_info, requests);
    FIELD(tn_info, requests_deferred_for_memory);
    FIELD(tn_info, weakrefs_cleared);
    FIELD(tn_info, names_dropped);
    FIELD(tn_info, lease_remaining_ms);
    FIELD(tn_info, own_subscriptions);

    SIZE(tn_event_kind);
    SIZE(tn_event);
    FIELD(tn_event, kind);
    FIELD(tn_event, sequence);
    FIELD(tn_event, class_name);
    FIELD(tn_event, identity);
    FIELD(tn_event, namespace_name);
    FIELD(tn_event, name);
    FIELD(tn_event, version);
    FIELD(tn_event, cause);
    FIELD(tn_event, collector);
    FIELD(tn_event, longest_pause_ns);
    FIELD(tn_event, duration_ns);
    FIELD(tn_event, lost);
    FIELD(tn_event, unseen);

    SIZE(tn_subscribe_options);
    FIELD(tn_subscribe_options, struct_size);
    FIELD(tn_subscribe_options, kinds);
    FIELD(tn_subscribe_options, prefix);
    FIELD(tn_subscribe_options, class_name);
    FIELD(tn_subscribe_options, queue_limit);
    FIELD(tn_subscribe_options, all_namespaces);

    SIZE(tn_subscription_info);
    FIELD(tn_subscription_info, id);
    FIELD(tn_subscription_info, queue_limit);

    SIZE(tn_op);
    FIELD(tn_op, struct_size);
    FIELD(tn_op, code);
    FIELD(tn_op, timeout_ms);
    FIELD(tn_op, target);
    FIELD(tn_op, name);
    FIELD(tn_op, name_len);
    FIELD(tn_op, value);
    FIELD(tn_op, key);
    FIELD(tn_op, index);
    FIELD(tn_op, stop);
    FIELD(tn_op, want);
    FIELD(tn_op, require);
    FIELD(tn_op, data);
    FIELD(tn_op, data_size);
    FIELD(tn_op, cursor);
    FIELD(tn_op, limit);
    FIELD(tn_op, deep);
    FIELD(tn_op, keys_only);
    FIELD(tn_op, must_exist);
    FIELD(tn_op, kind);
    FIELD(tn_op, how);
    FIELD(tn_op, end);
    FIELD(tn_op, batch);
    FIELD(tn_op, scope);
    FIELD(tn_op, handles);
    FIELD(tn_op, n_handles);
    FIELD(tn_op, token);
    FIELD(tn_op, once);
    FIELD(tn_op, holders);
    FIELD(tn_op, class_spec);
    FIELD(tn_op, lifetime);
    FIELD(tn_op, step);

    SIZE(tn_token);
    SIZE(tn_export_options);
    FIELD(tn_export_options, struct_size);
    FIELD(tn_export_options, ttl_ms);
    FIELD(tn_export_options, once);
    SIZE(tn_handle_holder);
    SIZE(tn_export_holder);
    SIZE(tn_holders);
    FIELD(tn_holders, unexplained);

    SIZE(tn_scope);
    FIELD(tn_scope, client);
    FIELD(tn_scope, number);
    FIELD(tn_op, checksum);
    FIELD(tn_op, format);
    SIZE(tn_range);
    FIELD(tn_range, data);
    FIELD(tn_range, size);
    FIELD(tn_range, crc32c);
    FIELD(tn_range, kind);
    FIELD(tn_range, format);
    FIELD(tn_range, length);
    return 0;
}
