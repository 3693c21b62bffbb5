// A pool of threads that encode requests: one model for all, an encoder for each.
#ifndef POOL_HPP
#define POOL_HPP

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unicode/unic.hpp>

// One clip [steps,width] and what becomes of it, in memory that is there before it is served.
struct request {
    std::vector<float> features;
    std::size_t steps = 0;
    std::vector<std::int32_t> codes; // [steps]
    std::vector<float> semantic;     // [steps,D]
    std::string refusal;             // why there are no codes; empty: there are
};

class pool
{
  public:
    pool(const unic::model &model, std::string_view modality, std::size_t max_steps, std::size_t threads);
    ~pool();
    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    // Serves all of them; returns when the last one is done.
    void serve(std::span<request> requests);

  private:
    void work(unic::encoder encoder);
    static void serve_one(unic::encoder &encoder, request &r);

    std::mutex mutex_;
    std::condition_variable begin_, done_;
    std::span<request> requests_;
    std::atomic<std::size_t> next_ = 0;
    std::size_t round_ = 0, busy_ = 0;
    bool ending_ = false;
    std::vector<std::jthread> threads_;
};

#endif
