/* What code points are, and become: the tables themselves are compared with Python's by test_code_points.py. */
#include <check.h>
#include <stdlib.h>

#include "base/code_points.h"

/* All code points have a class, and become code points. */
START_TEST(every_code_point)
{
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint32_t to[UNIC__FOLD_MOST];
        const unsigned kind = unic__point_class(point) & UNIC__POINT_KIND;
        const size_t n = unic__point_fold(point, to);
        ck_assert_uint_le(kind, UNIC__POINT_IDEOGRAPH);
        if ((n == 0) != (kind == UNIC__POINT_MARK) || n > UNIC__FOLD_MOST)
            ck_abort_msg("U+%04X of kind %u becomes %zu code points", point, kind, n);
        for (size_t i = 0; i < n; i++)
            if (to[i] >= 0x110000 || (n > 1 && unic__point_class(to[i]) & UNIC__POINT_KIND))
                ck_abort_msg("U+%04X becomes U+%04X", point, to[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/code_points");
    TCase *t = tcase_create("core");
    tcase_add_test(t, every_code_point);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
