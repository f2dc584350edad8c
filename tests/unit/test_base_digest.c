/* Digests: known answers of XXH3, and pieces against the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mnist_dist/base/digest.h"

static void assert_text(Digest digest, const char *expected) {
    char text[DIGEST_TEXT];
    digest_text(text, digest);
    assert_string_equal(text, expected);
}

/* The values for no bytes at all stand in xxHash's own tests. */
static void no_bytes_have_the_known_digests(void **state) {
    (void)state;
    assert_true(digest64("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_text(digester_finish(digester_new()), "99aa06d3014798d86001c324468d497f");
}

static void pieces_give_the_digest_of_the_whole(void **state) {
    (void)state;
    unsigned char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
    Digester *whole = digester_new(), *pieces = digester_new();
    digester_add(whole, bytes, sizeof bytes);
    digester_add(pieces, NULL, 0);
    for (size_t i = 0; i < sizeof bytes; i += 100) digester_add(pieces, bytes + i, 100);
    Digest a = digester_finish(whole), b = digester_finish(pieces);
    assert_true(a.high == b.high && a.low == b.low);
}

static void one_bit_changes_the_digest(void **state) {
    (void)state;
    assert_true(digest64("abc", 3) != digest64("abb", 3));
}

static void destroying_nothing_is_fine(void **state) {
    (void)state;
    digester_destroy(NULL);
    digester_destroy(digester_new());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_have_the_known_digests),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(one_bit_changes_the_digest),
        cmocka_unit_test(destroying_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
