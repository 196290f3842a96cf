/* SPDX-License-Identifier: MIT */
#include "core/base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/attr.h"
#include "core/base/check.h"

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

void tn_siphash_key_random(struct tn_siphash_key *ret_key)
{
    ssize_t n;

    do
        n = getrandom(ret_key, sizeof(*ret_key), 0);
    while (n < 0 && errno == EINTR);
    TN_ASSERT(n == (ssize_t)sizeof(*ret_key));
}

TN_ALWAYS_INLINE uint64_t rotate_left(uint64_t x, unsigned int n)
{
    return (x << n) | (x >> (64 - n));
}

TN_ALWAYS_INLINE void sip_round(struct sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

TN_ALWAYS_INLINE struct sip_state sip_begin(const struct tn_siphash_key *key)
{
    return (struct sip_state){
        .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
    };
}

TN_ALWAYS_INLINE void sip_word(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

TN_ALWAYS_INLINE uint64_t sip_end(struct sip_state *s)
{
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t tn_siphash(const struct tn_siphash_key *key, const void *data, size_t len)
{
    struct sip_state s = sip_begin(key);
    const unsigned char *at = data;
    const unsigned char *end = at + (len & ~(size_t)7);
    uint64_t last = (uint64_t)len << 56;
    uint64_t word;

    for (; at < end; at += 8) {
        memcpy(&word, at, 8);
        sip_word(&s, le64toh(word));
    }
    for (size_t i = 0; i < (len & 7); i++)
        last |= (uint64_t)at[i] << (8 * i);
    sip_word(&s, last);
    return sip_end(&s);
}

uint64_t tn_siphash_u64(const struct tn_siphash_key *key, uint64_t value)
{
    struct sip_state s = sip_begin(key);

    sip_word(&s, value);
    sip_word(&s, UINT64_C(8) << 56);
    return sip_end(&s);
}
