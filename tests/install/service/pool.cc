#include "pool.hpp"

pool::pool(const unic::model &model, std::string_view modality, std::size_t max_steps, std::size_t threads)
{
    unic_encoder_options sizes{};
    sizes.max_batch = 1;
    sizes.max_length = max_steps;
    sizes.threads = 1; // the threads are ours
    std::vector<unic::encoder> encoders;
    for (std::size_t i = 0; i < threads; i++)
        encoders.emplace_back(model, modality, sizes);
    for (unic::encoder &encoder : encoders)
        threads_.emplace_back([this, own = std::move(encoder)]() mutable { work(std::move(own)); });
}

pool::~pool()
{
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    begin_.notify_all();
}

void pool::serve(std::span<request> requests)
{
    std::unique_lock lock(mutex_);
    requests_ = requests;
    next_ = 0;
    busy_ = threads_.size();
    round_++;
    begin_.notify_all();
    done_.wait(lock, [this] { return busy_ == 0; });
}

void pool::work(unic::encoder encoder)
{
    for (std::size_t seen = 0;;) {
        {
            std::unique_lock lock(mutex_);
            begin_.wait(lock, [&] { return ending_ || round_ != seen; });
            if (ending_)
                return;
            seen = round_;
        }
        for (std::size_t i; (i = next_++) < requests_.size();)
            serve_one(encoder, requests_[i]);
        const std::lock_guard lock(mutex_);
        if (--busy_ == 0)
            done_.notify_one();
    }
}

// A bad request is refused with the library's sentence; the encoder serves the next one.
void pool::serve_one(unic::encoder &encoder, request &r)
{
    try {
        r.refusal.clear();
        const std::size_t width = r.features.size() / r.steps;
        encoder.encode({r.features, {1, r.steps, width}}, {}, r.codes.data(), nullptr, r.semantic.data());
    } catch (const unic::error &e) {
        r.refusal = std::string(e.status_name()) + ": " + e.what();
    }
}
