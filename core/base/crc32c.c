/* SPDX-License-Identifier: MIT */
/*
 * The tables are made by the preprocessor and the compiler, so there is no state and
 * nothing to initialise: entry n of table 0 is what eight steps of the shift register
 * make of the byte n. Folding four bits at a time keeps the table at 16 entries, which
 * is slow next to the instruction but is only met on other processors.
 */
#include "core/base/crc32c.h"

#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

#define STEP(x) (((x) >> 1) ^ (((x)&1) != 0 ? POLYNOMIAL : 0))
#define STEPS_4(x) STEP(STEP(STEP(STEP(UINT32_C(x)))))

static const uint32_t nibbles[16] = {
    STEPS_4(0),  STEPS_4(1),  STEPS_4(2),  STEPS_4(3),  STEPS_4(4),  STEPS_4(5),
    STEPS_4(6),  STEPS_4(7),  STEPS_4(8),  STEPS_4(9),  STEPS_4(10), STEPS_4(11),
    STEPS_4(12), STEPS_4(13), STEPS_4(14), STEPS_4(15),
};

uint32_t tn_crc32c_portable(uint32_t crc, const void *data, size_t n_bytes)
{
    const unsigned char *at = data;

    crc = ~crc;
    for (size_t i = 0; i < n_bytes; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *data,
                                                               size_t n_bytes)
{
    const unsigned char *at = data;
    uint64_t folded = ~crc;

    for (; n_bytes >= sizeof(uint64_t); n_bytes -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        folded = __builtin_ia32_crc32di(folded, word);
    }
    for (; n_bytes > 0; n_bytes--, at++)
        folded = __builtin_ia32_crc32qi((uint32_t)folded, *at);
    return ~(uint32_t)folded;
}

uint32_t tn_crc32c(uint32_t crc, const void *data, size_t n_bytes)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, data, n_bytes);
    return tn_crc32c_portable(crc, data, n_bytes);
}

#else

uint32_t tn_crc32c(uint32_t crc, const void *data, size_t n_bytes)
{
    return tn_crc32c_portable(crc, data, n_bytes);
}

#endif
