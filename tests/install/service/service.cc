// service FOLDER: trains a small model into FOLDER, then serves clips of one of its modalities by a pool of four threads: bit by bit
// as one thread does, without an allocation, and with bad requests refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <random>
#include <stdexcept>

#include "count.hpp"
#include "pool.hpp"

namespace
{

constexpr std::size_t width = 24, max_steps = 12, clips = 16;

std::vector<float> noise(std::size_t size, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(size);
    std::generate(x.begin(), x.end(), [&] { return normal(random); });
    return x;
}

void train(const std::string &path)
{
    const unic::config config("preset = small\nmodalities = sound sight\nsound.kind = vector\nsound.dims = 24\n"
                              "sight.kind = vector\nsight.dims = 8\ntrain.batch = 16\ntrain.length = 12\n");
    unic::trainer trainer(config);
    const std::vector<float> sound = noise(clips * max_steps * width, 1), sight = noise(clips * max_steps * 8, 2);
    unic::batch batch;
    batch.set("sound", {sound, {clips, max_steps, width}});
    batch.set("sight", {sight, {clips, max_steps, 8}});
    for (int step = 0; step < 5; step++)
        if (!std::isfinite(trainer.step(batch)[0]))
            throw std::runtime_error("the loss is not finite");
    trainer.save(path);
}

std::vector<request> make_requests(std::size_t count, std::size_t dim)
{
    std::vector<request> all(count);
    for (std::size_t i = 0; i < count; i++) {
        request &r = all[i];
        r.steps = 1 + i % max_steps;
        r.features = noise(r.steps * width, static_cast<unsigned>(100 + i));
        r.codes.assign(r.steps, -2);
        r.semantic.assign(r.steps * dim, -2);
    }
    return all;
}

bool equal(const std::vector<request> &a, const std::vector<request> &b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const request &x, const request &y) {
        return x.codes == y.codes && x.semantic == y.semantic && x.refusal == y.refusal;
    });
}

void require(bool holds, const char *what)
{
    if (!holds)
        throw std::runtime_error(what);
}

} // namespace

int main(int argc, char **argv)
try {
    const std::string path = std::string(argc > 1 ? argv[1] : ".") + "/service.npz";
    train(path);
    unic_open_options whole{};
    whole.preload = 1; // what is damaged is found now, and no file stays open
    const unic::model model(path, whole);

    std::vector<request> one = make_requests(400, model.code_dim()), four = make_requests(400, model.code_dim());
    pool alone(model, "sound", max_steps, 1), pool_of_four(model, "sound", max_steps, 4);
    alone.serve(one);
    pool_of_four.serve(four);
    require(equal(one, four), "four threads encode otherwise than one");
    require(one[0].codes[0] >= 0 && one[0].refusal.empty(), "nothing was encoded");

    counting = true;
    const std::string long_enough = path + std::string(100, '.');
    counting = false;
    require((allocations > 0) == counts && !long_enough.empty(), "allocations are not counted");
    allocations = 0;
    counting = true;
    for (int round = 0; round < 5; round++)
        pool_of_four.serve(four);
    counting = false;
    require(equal(one, four), "a warm pool encodes otherwise than a new one");
    require(allocations == 0, "serving allocates");

    // What a client may get wrong: the others do not feel it.
    four[7].features[0] = std::numeric_limits<float>::quiet_NaN();
    four[9].features.resize(four[9].steps * (width - 1));
    four[11].steps = max_steps + 1;
    four[11].features.assign(four[11].steps * width, 0.5F);
    pool_of_four.serve(four);
    std::cout << four[7].refusal << '\n' << four[9].refusal << '\n' << four[11].refusal << '\n';
    for (std::size_t i : {7, 9, 11}) {
        require(!four[i].refusal.empty(), "a bad request was served");
        one[i] = four[i];
    }
    require(equal(one, four), "a bad request changes the others");
    std::cout << "served " << four.size() << " clips by 4 threads as by 1, allocations " << allocations << '\n';
} catch (const std::exception &e) {
    std::cerr << "service: " << e.what() << '\n';
    return 1;
}
