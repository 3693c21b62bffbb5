/* faiss IndexFlat on assignment and retrieval, served as bench.c serves it:
 * items dim rows rows_each threads top l2|inner. (faiss names int64_t faiss::Index::idx_t up to 1.7.3
 * and faiss::idx_t since.) */
#include <faiss/IndexFlat.h>
#include <omp.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <vector>

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    const size_t items = strtoul(argv[1], nullptr, 10), dim = strtoul(argv[2], nullptr, 10);
    const size_t rows = strtoul(argv[3], nullptr, 10), each = strtoul(argv[4], nullptr, 10);
    const size_t top = strtoul(argv[6], nullptr, 10);
    omp_set_num_threads(atoi(argv[5]));
    std::mt19937 engine(1);
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    std::vector<float> e(items * dim), z(rows * dim), distance(rows * top);
    std::vector<int64_t> nearest(rows * top);
    for (float &v : e)
        v = uniform(engine);
    for (float &v : z)
        v = uniform(engine);
    faiss::IndexFlat index((int)dim, strcmp(argv[7], "inner") ? faiss::METRIC_L2
                                                               : faiss::METRIC_INNER_PRODUCT);
    index.add((int64_t)items, e.data());
    std::vector<float>().swap(e);
    char line[64];
    puts("{\"ready\": 1}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const clock_t used = clock();
        const auto start = std::chrono::steady_clock::now();
        for (size_t r = 0; r < rows; r += each)
            index.search((int64_t)(rows - r < each ? rows - r : each),
                         z.data() + r * dim, (int64_t)top, distance.data() + r * top,
                         nearest.data() + r * top);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        printf("{\"seconds\": %.9g, \"cpu\": %.9g}\n", took.count(),
               (double)(clock() - used) / CLOCKS_PER_SEC);
        fflush(stdout);
    }
    puts("{\"peak_mb\": 0}");
}
