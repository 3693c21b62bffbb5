// consumer MODEL MODALITY: libunicode in C++17. Handles are unique_ptrs, statuses become exceptions, and threads
// share one model, each with an encoder of its own.
#include <cstdint>
#include <future>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <unicode/unic.h>

namespace
{

template <auto Free> struct deleter {
    template <class T> void operator()(T *handle) const { Free(handle); }
};
using model = std::unique_ptr<unic_model, deleter<unic_model_free>>;
using encoder = std::unique_ptr<unic_encoder, deleter<unic_encoder_free>>;

void check(unic_status status)
{
    if (status != UNIC_OK)
        throw std::runtime_error(std::string(unic_status_name(status)) + ": " +
                                 unic_last_error());
}

model open_model(const std::string &path)
{
    unic_model *m = nullptr;
    check(unic_model_open(&m, path.c_str(), nullptr));
    return model(m);
}

// The codes [steps] of one clip [steps, ...].
std::vector<std::int32_t> encode(unic_model *m, const std::string &modality,
                                 const std::vector<float> &clip)
{
    std::int64_t dims[UNIC_MAX_RANK] = {1, 0};
    std::size_t rank = 0, width = 1;
    check(unic_model_feature_dims(&rank, m, modality.c_str(), dims + 2));
    for (std::size_t i = 0; i < rank; i++)
        width *= static_cast<std::size_t>(dims[2 + i]);
    std::vector<std::int32_t> codes(clip.size() / width);
    dims[1] = static_cast<std::int64_t>(codes.size());
    unic_array features;
    unic_array_init(&features, clip.data(), UNIC_F32, static_cast<int>(rank) + 2, dims);
    const unic_encoder_options sizes{sizeof sizes, 1, codes.size(), 0, {}};
    unic_encoder *e = nullptr;
    check(unic_encoder_create(&e, m, modality.c_str(), &sizes));
    encoder owner(e);
    check(unic_encoder_encode(e, &features, nullptr, codes.data(), nullptr, nullptr));
    return codes;
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 3) {
        std::cerr << "usage: consumer MODEL MODALITY\n";
        return 2;
    }
    const model m = open_model(argv[1]);
    std::int64_t dims[UNIC_MAX_RANK];
    std::size_t rank = 0, width = 10;
    check(unic_model_feature_dims(&rank, m.get(), argv[2], dims));
    for (std::size_t i = 0; i < rank; i++)
        width *= static_cast<std::size_t>(dims[i]);
    std::vector<std::future<std::vector<std::int32_t>>> clips;
    for (float level : {-1.0F, 0.0F, 1.0F})
        clips.push_back(std::async(std::launch::async, encode, m.get(), argv[2],
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
