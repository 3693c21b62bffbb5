// consumer MODEL MODALITY: libunicode in C++17. Threads share one model, each with an encoder
// of its own.
#include <cstdint>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include <unicode/unic.hpp>

namespace
{

// The codes [steps] of one clip [steps, ...].
std::vector<std::int32_t> encode(const unic::model &model, const std::string &modality,
                                 const std::vector<float> &clip)
{
    std::vector<std::int64_t> dims = model.feature_dims(modality);
    const std::size_t steps = clip.size() / unic::shape(dims).count();
    dims.insert(dims.begin(), {1, static_cast<std::int64_t>(steps)});
    unic_encoder_options sizes{};
    sizes.max_batch = 1;
    sizes.max_length = steps;
    return unic::encoder(model, modality, sizes).codes({clip, dims});
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 3) {
        std::cerr << "usage: consumer MODEL MODALITY\n";
        return 2;
    }
    const unic::model model(argv[1]);
    const std::size_t width = 10 * unic::shape(model.feature_dims(argv[2])).count();
    std::vector<std::future<std::vector<std::int32_t>>> clips;
    for (float level : {-1.0F, 0.0F, 1.0F})
        clips.push_back(std::async(std::launch::async, encode, std::cref(model), argv[2],
                                   std::vector<float>(width, level)));
    for (auto &clip : clips) {
        for (std::int32_t code : clip.get())
            std::cout << code << ' ';
        std::cout << '\n';
    }
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
