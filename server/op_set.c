/* SPDX-License-Identifier: MIT */
/*
 * Operations on sets and frozensets.
 *
 * What goes through a whole operand does so in steps with safe points in between
 * (core/types/set_combine.h), and holds what it works on. What changes a set by
 * another one has made that into a frozenset of its own before; then all is done
 * at once, so there is a limit (TN_SET_AT_ONCE).
 */
#include "core/base/check.h"
#include "core/base/err.h"
#include "server/request.h"

/* The set that a request changes, held. */
static int hold_set(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                    struct tn_object **ret_set)
{
    int r = tn_target_hold(ctx, target, ret_set);

    if (r == 0 && (*ret_set)->type != TN_TYPE_SET)
        r = tn_wrong_type(ctx, *ret_set, "a set");
    return r;
}

/* A set or frozenset, held. */
static int hold_either(struct tn_request_ctx *ctx, const Tenure__V1__Target *target,
                       struct tn_object **ret_set)
{
    int r = tn_target_hold(ctx, target, ret_set);

    if (r == 0 && !tn_is_set(*ret_set))
        r = tn_wrong_type(ctx, *ret_set, "a set or frozenset");
    return r;
}

/* Says more precisely what is wrong with a member. */
static int member_error(struct tn_request_ctx *ctx, int r, const struct tn_object *member)
{
    return r == TN_ERR_UNHASHABLE ? tn_unhashable(ctx, (enum tn_type_id)member->type, TN_AS_MEMBER)
                                  : r;
}

/* ---- One member ---- */

int tn_op_set_add(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetAddRequest *msg = message;
    struct tn_object *member = NULL;
    struct tn_object *set;
    bool is_new;
    int r = hold_set(ctx, msg->target, &set);

    if (r == 0)
        r = tn_value_build(ctx, msg->member, &member);
    if (r == 0) {
        r = tn_set_add(ctx->mu, set, &member, &is_new);
        if (r < 0)
            r = member_error(ctx, r, member);
    }
    tn_drop(ctx->mu, &member);
    if (r == 0)
        tn_result_boolean(result, is_new);
    return r;
}

int tn_op_set_discard(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetDiscardRequest *msg = message;
    struct tn_object *member = NULL;
    struct tn_object *set;
    bool was_there;
    int r = hold_set(ctx, msg->target, &set);

    if (r == 0)
        r = tn_value_probe(ctx, msg->member, &member);
    if (r == 0)
        r = member_error(ctx, tn_set_discard(ctx->mu, set, member, &was_there), member);
    if (r < 0)
        return r;
    if (!was_there && msg->must_exist)
        return tn_key_missing(ctx, "set", "member", member);
    tn_result_boolean(result, was_there);
    return 0;
}

int tn_op_set_pop(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetPopRequest *msg = message;
    struct tn_object *member = NULL;
    struct tn_object *set;
    int r = hold_set(ctx, msg->target, &set);

    if (r == 0)
        r = tn_handles_reserve(ctx, 1); /* in case the member does not fit into the answer */
    if (r == 0)
        r = tn_set_pop(ctx->mu, set, &member);
    if (r == TN_ERR_KEY)
        return tn_status_setf(ctx->status, TN_REASON_KEY_NOT_FOUND, "The set is empty.");
    if (r == 0)
        tn_answer_taken(ctx, &member, msg->want, result);
    return r;
}

int tn_op_set_clear(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetClearRequest *msg = message;
    struct tn_object *set;
    uint64_t end = 0;
    int r = hold_set(ctx, msg->target, &set);

    if (r < 0)
        return r;
    while (tn_set_clear(ctx->mu, set, &end, TN_SET_AT_ONCE) == 1)
        tn_ctx_safepoint(ctx);
    tn_result_count(result, tn_set_length(set));
    return 0;
}

/* ---- Scanning ---- */

/* One page, as it is now. */
static int read_page(struct tn_request_ctx *ctx, struct tn_object *set, uint64_t version,
                     const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanSetRequest *msg = message;
    size_t n_max = tn_scan_page(ctx, msg->limit, TN_SCAN_ITEM_BYTES);
    uint64_t cursor = msg->cursor;
    struct tn_object **members;
    size_t n;
    int r;

    (void)version; /* is of the set's name */
    if (!tn_is_set(set))
        return tn_wrong_type(ctx, set, "a set or frozenset");
    members = tn_ctx_alloc(ctx, n_max * sizeof(struct tn_object *));
    if (members == NULL)
        return TN_ERR_NOMEM;
    r = tn_set_scan(ctx->mu, set, &cursor, n_max, members, &n);
    if (r == 0)
        r = tn_check_alive(set);
    return r < 0 ? r : tn_answer_page(ctx, members, n, cursor, msg->want, result);
}

int tn_op_scan_set(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__ScanSetRequest *msg = message;

    return tn_read_target(ctx, msg->target, read_page, msg, result);
}

/* ---- Two operands ---- */

/* The object of a value that is the right operand, held. Only its members may find a
 * place, which nothing that can change is among: so the value's own containers are
 * settled as not kept. */
static int hold_operand(struct tn_request_ctx *ctx, const Tenure__V1__Value *value,
                        struct tn_object **ret_object)
{
    int r = tn_value_build(ctx, value, ret_object);

    if (r < 0)
        return r;
    tn_hold(ctx, *ret_object);
    if (!tn_set_is_operand(*ret_object))
        return tn_wrong_type(ctx, *ret_object, "a set, frozenset, list, tuple or dict");
    return 0;
}

/* Whether a request may go through so many items. */
static int check_amount(struct tn_request_ctx *ctx, size_t n)
{
    size_t max = ctx->ex->service->limits.max_nodes;

    if (n <= max)
        return 0;
    return tn_status_setf(ctx->status, TN_REASON_VALUE_TOO_LARGE,
                          "There are %zu items to go through, but one request goes through at "
                          "most %zu; scan them, and add or look for a page at a time.",
                          n, max);
}

/* Works until it is done, which may take a while; holds nothing borrowed. */
static int work_through(struct tn_request_ctx *ctx, struct tn_set_work *work)
{
    int r;

    while ((r = tn_set_work_step(ctx->mu, work)) == 1)
        tn_ctx_safepoint(ctx);
    if (r == TN_ERR_UNHASHABLE)
        return tn_unhashable(ctx, (enum tn_type_id)work->bad_type, TN_AS_MEMBER);
    return r;
}

/* Works through what has been begun (`r`: or not), and takes the result. */
static int finish_work(struct tn_request_ctx *ctx, int r, struct tn_set_work *work,
                       struct tn_object **ret_made)
{
    if (r < 0)
        return r;
    r = work_through(ctx, work);
    if (r == 0)
        *ret_made = tn_set_work_take(work);
    tn_set_work_end(ctx->mu, work);
    return r;
}

static int find_operation(struct tn_request_ctx *ctx, Tenure__V1__SetOperation wire,
                          enum tn_set_op *ret_operation)
{
    switch (wire) {
    case TENURE__V1__SET_OPERATION__SET_OPERATION_UNION:
        *ret_operation = TN_SET_OP_UNION;
        return 0;
    case TENURE__V1__SET_OPERATION__SET_OPERATION_INTERSECTION:
        *ret_operation = TN_SET_OP_INTERSECTION;
        return 0;
    case TENURE__V1__SET_OPERATION__SET_OPERATION_DIFFERENCE:
        *ret_operation = TN_SET_OP_DIFFERENCE;
        return 0;
    case TENURE__V1__SET_OPERATION__SET_OPERATION_SYMMETRIC_DIFFERENCE:
        *ret_operation = TN_SET_OP_SYMMETRIC_DIFFERENCE;
        return 0;
    default:
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "The request does not say which operation is meant: union, "
                              "intersection, difference or symmetric difference.");
    }
}

/* The type of the set that is to be made. */
static int result_type(struct tn_request_ctx *ctx, Tenure__V1__TypeTag tag,
                       const struct tn_object *left, enum tn_type_id *ret_type)
{
    switch (tag) {
    case TENURE__V1__TYPE_TAG__TYPE_TAG_UNSPECIFIED:
        *ret_type = left->type == TN_TYPE_FROZENSET ? TN_TYPE_FROZENSET : TN_TYPE_SET;
        return 0;
    case TENURE__V1__TYPE_TAG__TYPE_TAG_SET:
        *ret_type = TN_TYPE_SET;
        return 0;
    case TENURE__V1__TYPE_TAG__TYPE_TAG_FROZENSET:
        *ret_type = TN_TYPE_FROZENSET;
        return 0;
    default:
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "What is made can be a set or a frozenset only.");
    }
}

/* A new set of what one container holds. */
static int copy(struct tn_request_ctx *ctx, const Tenure__V1__SetNewRequest *msg,
                struct tn_object **ret_made)
{
    struct tn_set_work work;
    struct tn_object *from;
    enum tn_type_id type = TN_TYPE_SET;
    int r = tn_target_hold(ctx, msg->target, &from);

    if (r == 0 && !tn_set_is_operand(from))
        r = tn_wrong_type(ctx, from, "a set, frozenset, list, tuple or dict");
    if (r == 0)
        r = result_type(ctx, msg->type, from, &type);
    if (r == 0)
        r = check_amount(ctx, tn_set_operand_length(from));
    if (r < 0)
        return r;
    return finish_work(ctx, tn_set_work_copy(ctx->mu, &work, from, type), &work, ret_made);
}

/* A new set of two. */
static int combine(struct tn_request_ctx *ctx, const Tenure__V1__SetNewRequest *msg,
                   struct tn_object **ret_made)
{
    enum tn_set_op operation;
    struct tn_set_work work;
    struct tn_object *right;
    struct tn_object *left;
    enum tn_type_id type = TN_TYPE_SET;
    int r = find_operation(ctx, msg->operation, &operation);

    if (r == 0)
        r = hold_either(ctx, msg->target, &left);
    if (r == 0)
        r = result_type(ctx, msg->type, left, &type);
    if (r == 0)
        r = hold_operand(ctx, msg->other, &right);
    if (r == 0)
        r = check_amount(ctx, tn_set_operand_length(left) + tn_set_operand_length(right));
    if (r < 0)
        return r;
    r = tn_set_work_combine(ctx->mu, &work, left, operation, right, type);
    return finish_work(ctx, r, &work, ret_made);
}

int tn_op_set_new(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetNewRequest *msg = message;
    bool is_copy = msg->operation == TENURE__V1__SET_OPERATION__SET_OPERATION_COPY;
    struct tn_object *made = NULL;
    int r = tn_handles_reserve(ctx, 1);

    if (r < 0)
        return r;
    if (is_copy && msg->other != NULL)
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "A copy is of the target alone, without another operand.");
    r = is_copy ? copy(ctx, msg, &made) : combine(ctx, msg, &made);
    if (r < 0)
        return r;
    tn_values_settle(ctx, false);
    tn_answer_taken(ctx, &made, msg->want, result);
    return 0;
}

TN_COLD static int too_much_at_once(struct tn_request_ctx *ctx, size_t n)
{
    return tn_status_setf(ctx->status, TN_REASON_VALUE_TOO_LARGE,
                          "This would look at %zu members at once, but at most %d are allowed; "
                          "update in pages of that size, or make a new set of the two.",
                          n, TN_SET_AT_ONCE);
}

/* A frozenset of what an operand holds: itself, or a copy, held. */
static int freeze(struct tn_request_ctx *ctx, struct tn_object *o, struct tn_object **ret_frozen)
{
    struct tn_set_work work;
    int r;

    *ret_frozen = o;
    if (o->type == TN_TYPE_FROZENSET)
        return 0;
    if (tn_set_operand_length(o) > TN_SET_AT_ONCE)
        return too_much_at_once(ctx, tn_set_operand_length(o));
    r = tn_set_work_copy(ctx->mu, &work, o, TN_TYPE_FROZENSET);
    r = finish_work(ctx, r, &work, ret_frozen);
    if (r == 0)
        tn_hold(ctx, *ret_frozen);
    return r;
}

int tn_op_set_update(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetUpdateRequest *msg = message;
    enum tn_set_op operation;
    struct tn_object *frozen;
    struct tn_object *other;
    struct tn_object *set;
    size_t length = 0;
    int r = find_operation(ctx, msg->operation, &operation);

    if (r == 0)
        r = hold_set(ctx, msg->target, &set);
    if (r == 0)
        r = hold_operand(ctx, msg->other, &other);
    if (r == 0)
        r = freeze(ctx, other, &frozen);
    if (r < 0)
        return r;
    r = tn_set_update(ctx->mu, set, operation, frozen, TN_SET_AT_ONCE, &length);
    if (r == TN_ERR_TOO_BIG && length > TN_SET_AT_ONCE)
        return too_much_at_once(ctx, length);
    if (r < 0)
        return r;
    tn_values_settle(ctx, false);
    tn_result_count(result, length);
    return 0;
}

static int find_relation(struct tn_request_ctx *ctx, Tenure__V1__SetRelation wire,
                         enum tn_set_rel *ret_relation)
{
    switch (wire) {
    case TENURE__V1__SET_RELATION__SET_RELATION_SUBSET:
        *ret_relation = TN_SET_IS_SUBSET;
        return 0;
    case TENURE__V1__SET_RELATION__SET_RELATION_SUPERSET:
        *ret_relation = TN_SET_IS_SUPERSET;
        return 0;
    case TENURE__V1__SET_RELATION__SET_RELATION_DISJOINT:
        *ret_relation = TN_SET_IS_DISJOINT;
        return 0;
    default:
        return tn_status_setf(ctx->status, TN_REASON_INVALID_ARGUMENT,
                              "The request does not say which relation is meant: subset, superset "
                              "or disjoint.");
    }
}

int tn_op_set_compare(struct tn_request_ctx *ctx, const void *message, struct tn_result *result)
{
    const Tenure__V1__SetCompareRequest *msg = message;
    enum tn_set_rel relation;
    struct tn_set_work work;
    struct tn_object *right;
    struct tn_object *left;
    int r = find_relation(ctx, msg->relation, &relation);

    if (r == 0)
        r = hold_either(ctx, msg->target, &left);
    if (r == 0)
        r = hold_operand(ctx, msg->other, &right);
    if (r == 0)
        r = check_amount(ctx, tn_set_operand_length(left) + tn_set_operand_length(right));
    if (r == 0)
        r = tn_set_work_compare(ctx->mu, &work, left, relation, right);
    if (r < 0)
        return r;
    r = work_through(ctx, &work);
    tn_set_work_end(ctx->mu, &work);
    if (r < 0)
        return r;
    tn_values_settle(ctx, false);
    tn_result_boolean(result, work.holds);
    return 0;
}
