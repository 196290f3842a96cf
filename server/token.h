/* SPDX-License-Identifier: MIT */
/*
 * Tokens: 128 random bits that stand for something on the server. Whoever knows one
 * may have it, so nobody can guess one, and a look-up tells nothing about those that
 * it did not find.
 *
 * A table has its entries in buckets by the token's own bits, which are as good as a
 * hash. Threads: whatever lock its owner has for it.
 */
#ifndef TN_SERVER_TOKEN_H
#define TN_SERVER_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/siphash.h"

#define TN_TOKEN_BYTES 16
#define TN_TOKEN_BUCKETS 1024

struct tn_token {
    uint64_t words[2];
};

struct tn_token_entry {
    struct tn_token token;
    struct tn_token_entry *next;
};

/* All zeros is an empty one. */
struct tn_token_table {
    struct tn_token_entry *buckets[TN_TOKEN_BUCKETS];
};

static inline struct tn_token_entry **tn_token_bucket(struct tn_token_table *table,
                                                      const struct tn_token *token)
{
    return &table->buckets[token->words[0] % TN_TOKEN_BUCKETS];
}

/* Adds an entry, with a fresh token. */
static inline void tn_token_add(struct tn_token_table *table, struct tn_token_entry *entry)
{
    struct tn_token_entry **bucket;
    struct tn_siphash_key random;

    tn_siphash_key_random(&random);
    entry->token = (struct tn_token){ { random.k0, random.k1 } };
    bucket = tn_token_bucket(table, &entry->token);
    entry->next = *bucket;
    *bucket = entry;
}

/* The entry of a token, or NULL. Takes as long wherever two tokens differ. */
static inline struct tn_token_entry *tn_token_find(struct tn_token_table *table,
                                                   const struct tn_token *token)
{
    struct tn_token_entry *entry = *tn_token_bucket(table, token);

    while (entry != NULL && ((entry->token.words[0] ^ token->words[0]) |
                             (entry->token.words[1] ^ token->words[1])) != 0)
        entry = entry->next;
    return entry;
}

/* Removes an entry that is there. */
static inline void tn_token_remove(struct tn_token_table *table, struct tn_token_entry *entry)
{
    struct tn_token_entry **link = tn_token_bucket(table, &entry->token);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
}

#endif
