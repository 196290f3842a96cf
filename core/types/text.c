/* SPDX-License-Identifier: MIT */
#include "core/types/text.h"

#include <string.h>

#include "core/base/check.h"
#include "core/object/heap_internal.h"
#include "core/types/immortals.h"
#include "core/types/types_internal.h"

/* A text whose content the caller fills. */
static int text_open(struct tn_mutator *mu, enum tn_type_id type, size_t n_bytes,
                     struct tn_object **ret_text, unsigned char **ret_content)
{
    struct tn_object *o;
    struct tn_text *text;
    int r;

    if (n_bytes > TN_TEXT_BYTES_MAX)
        return TN_ERR_TOO_BIG;
    r = tn_object_new(mu, type, sizeof(*text) + n_bytes, &o);
    if (r < 0)
        return r;
    text = (struct tn_text *)(void *)o;
    atomic_init(&text->hash, 0);
    text->n_bytes = (uint32_t)n_bytes;
    *ret_text = o;
    *ret_content = (unsigned char *)(text + 1);
    return 0;
}

static int text_new(struct tn_mutator *mu, enum tn_type_id type, struct tn_slice content,
                    struct tn_object **ret_text)
{
    unsigned char *to;
    int r = text_open(mu, type, content.len, ret_text, &to);

    if (r == 0)
        memcpy(to, content.data, content.len);
    return r;
}

int tn_str_new(struct tn_mutator *mu, struct tn_slice text, struct tn_object **ret_str)
{
    if (text.len == 0) {
        *ret_str = &mu->heap->immortals->empty_str.object;
        return 0;
    }
    if (text.len == 1) {
        /* UTF-8: one byte alone is ASCII. */
        unsigned char c = *(const unsigned char *)text.data;

        TN_ASSERT(c < TN_ASCII_CHARS);
        *ret_str = &mu->heap->immortals->chars[c].text.object;
        return 0;
    }
    return text_new(mu, TN_TYPE_STR, text, ret_str);
}

int tn_bytes_new(struct tn_mutator *mu, struct tn_slice content, struct tn_object **ret_bytes)
{
    if (content.len == 0) {
        *ret_bytes = &mu->heap->immortals->empty_bytes.object;
        return 0;
    }
    return text_new(mu, TN_TYPE_BYTES, content, ret_bytes);
}

int tn_bytes_new_open(struct tn_mutator *mu, size_t n_bytes, struct tn_object **ret_bytes,
                      unsigned char **ret_content)
{
    if (n_bytes == 0) {
        *ret_bytes = &mu->heap->immortals->empty_bytes.object;
        *ret_content = NULL;
        return 0;
    }
    return text_open(mu, TN_TYPE_BYTES, n_bytes, ret_bytes, ret_content);
}

struct tn_slice tn_text_slice(const struct tn_object *o)
{
    const struct tn_text *text = tn_text_const(o);

    TN_ASSERT(o->type == TN_TYPE_STR || o->type == TN_TYPE_BYTES);
    return TN_SLICE(tn_text_content(text), text->n_bytes);
}

uint32_t tn_text_hash(const struct tn_siphash_key *key, const void *content, size_t n_bytes)
{
    return tn_hash_to_cache((uint32_t)(tn_siphash(key, content, n_bytes) >> 32));
}

static int text_hash(const struct tn_heap *heap, const struct tn_object *o, unsigned int depth,
                     uint32_t *ret_hash)
{
    /* The cache is no part of the value: whoever may look may fill it. */
    _Atomic(uint32_t) *cache = &((struct tn_text *)(uintptr_t)o)->hash;
    uint32_t hash = atomic_load_explicit(cache, memory_order_relaxed);

    (void)depth;
    if (hash == 0) {
        const struct tn_text *text = tn_text_const(o);

        hash = tn_text_hash(&heap->hash_key, tn_text_content(text), text->n_bytes);
        atomic_store_explicit(cache, hash, memory_order_relaxed);
    }
    *ret_hash = hash;
    return 0;
}

static int text_equal(const struct tn_object *a, const struct tn_object *b,
                      struct tn_compare *limits)
{
    const struct tn_text *x = tn_text_const(a);
    const struct tn_text *y = tn_text_const(b);

    if (b->type == TN_TYPE_BYTEARRAY && a->type == TN_TYPE_BYTES)
        return tn_bytearray_equal(b, a, limits);
    return a->type == b->type && x->n_bytes == y->n_bytes &&
           memcmp(tn_text_content(x), tn_text_content(y), x->n_bytes) == 0;
}

static size_t text_block_size(const struct tn_object *o)
{
    return sizeof(struct tn_text) + tn_text_const(o)->n_bytes;
}

static uint64_t bytes_length(const struct tn_object *o)
{
    return tn_text_const(o)->n_bytes;
}

/* Code points: the bytes that do not continue one (10xxxxxx), eight at a time. */
static uint64_t str_length(const struct tn_object *o)
{
    const struct tn_text *text = tn_text_const(o);
    const unsigned char *at = tn_text_content(text);
    uint32_t n_left = text->n_bytes;
    uint64_t n_continuing = 0;

    for (; n_left >= 8; n_left -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        word = (word >> 7) & ~(word >> 6) & UINT64_C(0x0101010101010101);
        n_continuing += (word * UINT64_C(0x0101010101010101)) >> 56;
    }
    for (; n_left > 0; n_left--, at++)
        n_continuing += (*at & 0xc0) == 0x80;
    return text->n_bytes - n_continuing;
}

const struct tn_type tn_type_str = {
    .name = "str",
    .id = TN_TYPE_STR,
    .has_no_weakrefs = true,
    .block_size = text_block_size,
    .length = str_length,
    .hash = text_hash,
    .equal = text_equal,
};

const struct tn_type tn_type_bytes = {
    .name = "bytes",
    .id = TN_TYPE_BYTES,
    .block_size = text_block_size,
    .length = bytes_length,
    .hash = text_hash,
    .equal = text_equal,
};
