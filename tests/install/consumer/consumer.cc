// An application in C++17 that has nothing but pkg-config's flags: handles that free themselves,
// exceptions from statuses. It trains a step, which calls every library that libunicode stands on.
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <unicode/unic.h>
#include <vector>

struct Error : std::runtime_error {
    unic_status status;
    explicit Error(unic_status s) : std::runtime_error(unic_last_error()), status(s) {}
};

void check(unic_status status)
{
    if (status != UNIC_OK)
        throw Error(status);
}

template <auto free> struct Free {
    template <class T> void operator()(T *handle) const { free(handle); }
};
using Config = std::unique_ptr<unic_config, Free<unic_config_free>>;
using Batch = std::unique_ptr<unic_batch, Free<unic_batch_free>>;
using Trainer = std::unique_ptr<unic_trainer, Free<unic_trainer_free>>;

template <class Handle, class Create, class... Args> Handle make(Create create, Args... args)
{
    typename Handle::pointer handle = nullptr;
    check(create(&handle, args...));
    return Handle(handle);
}

int main()
try {
    constexpr std::int64_t clips = 4, length = 3, side = 5, channels = 5;
    auto config = make<Config>(unic_config_create);
    check(
        unic_config_parse(config.get(),
                          "modalities = image sound\nimage.kind = grid\nimage.dims = 5 5 5\n"
                          "sound.kind = vector\nsound.dims = 6\ncode.dim = 8\ncode.count = 8\n"
                          "encoder.heads = 2\nencoder.ff = 8\nclub.width = 8\n"
                          "train.batch = 4\ntrain.length = 3\n",
                          "consumer"));
    auto trainer = make<Trainer>(unic_trainer_create, config.get(), nullptr);
    auto batch = make<Batch>(unic_batch_create);
    std::vector<float> image(clips * length * side * side * channels),
        sound(clips * length * 6);
    for (std::size_t i = 0; i < image.size(); i++)
        image[i] = static_cast<float>(i * 37 % 11) - 5.0F;
    for (std::size_t i = 0; i < sound.size(); i++)
        sound[i] = static_cast<float>(i * 53 % 13) - 6.0F;
    const std::int64_t image_dims[] = {clips, length, side, side, channels};
    const std::int64_t sound_dims[] = {clips, length, 6};
    unic_array x;
    unic_array_init(&x, image.data(), UNIC_F32, 5, image_dims);
    check(unic_batch_set(batch.get(), "image", &x, nullptr));
    unic_array_init(&x, sound.data(), UNIC_F32, 3, sound_dims);
    check(unic_batch_set(batch.get(), "sound", &x, nullptr));
    check(unic_trainer_step(trainer.get(), batch.get(), nullptr, nullptr));
    try {
        check(unic_config_parse(config.get(), "ema.decay = 1.2\n", "consumer"));
        return 1;
    } catch (const Error &error) {
        if (error.status != UNIC_E_CONFIG)
            throw;
        std::cout << unic_trainer_step_count(trainer.get()) << " step; " << error.what()
                  << "\n";
    }
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
