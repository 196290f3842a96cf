/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/crc32c.h"

/* RFC 3720, appendix B.4, and the customary check value. */
static void test_crc32c_of_known_content(void **state)
{
    unsigned char block[32];
    static const unsigned char scsi_read[48] = {
        0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0,
    };
    const struct {
        const void *data;
        size_t n_bytes;
        uint32_t crc;
    } cases[] = {
        { "", 0, 0 },
        { "123456789", 9, UINT32_C(0xe3069283) },
        { "a", 1, UINT32_C(0xc1d04330) },
        { scsi_read, sizeof(scsi_read), UINT32_C(0xd9963a56) },
    };

    (void)state;
    for (size_t i = 0; i < TN_ARRAY_LEN(cases); i++) {
        assert_int_equal(tn_crc32c(TN_CRC32C_EMPTY, cases[i].data, cases[i].n_bytes), cases[i].crc);
        assert_int_equal(tn_crc32c_portable(TN_CRC32C_EMPTY, cases[i].data, cases[i].n_bytes),
                         cases[i].crc);
    }
    memset(block, 0, sizeof(block));
    assert_int_equal(tn_crc32c(TN_CRC32C_EMPTY, block, sizeof(block)), UINT32_C(0x8a9136aa));
    memset(block, 0xff, sizeof(block));
    assert_int_equal(tn_crc32c(TN_CRC32C_EMPTY, block, sizeof(block)), UINT32_C(0x62a8ab43));
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (unsigned char)i;
    assert_int_equal(tn_crc32c(TN_CRC32C_EMPTY, block, sizeof(block)), UINT32_C(0x46dd794e));
}

/* In two pieces, wherever they meet, and from every place of a word. */
static void test_crc32c_of_pieces_is_that_of_the_whole(void **state)
{
    unsigned char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (unsigned char)(i * 37 + 11);
    for (size_t first = 0; first < 9; first++) {
        size_t n = sizeof(text) - first;
        uint32_t whole = tn_crc32c_portable(TN_CRC32C_EMPTY, text + first, n);

        for (size_t cut = 0; cut <= n; cut++) {
            uint32_t crc = tn_crc32c(TN_CRC32C_EMPTY, text + first, cut);

            assert_int_equal(tn_crc32c(crc, text + first + cut, n - cut), whole);
        }
    }
    assert_int_equal(tn_crc32c(7, NULL, 0), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_of_known_content),
        cmocka_unit_test(test_crc32c_of_pieces_is_that_of_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
