// Channels: writing, reading, looking. Include <leat/leat.hpp>.
#ifndef LEAT_CHANNEL_HPP
#define LEAT_CHANNEL_HPP

#include <leat/bytes.hpp>
#include <leat/channel.h>

#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace leat {

// ---- options ------------------------------------------------------------------------------------------------------------

enum class policy : std::uint32_t { overwrite = LEAT_OVERWRITE, block = LEAT_BLOCK };

/// leat_channel_options with its defaults: `leat::channel_options options; options.policy = LEAT_BLOCK;`
struct channel_options : leat_channel_options {
    channel_options() : leat_channel_options(LEAT_CHANNEL_OPTIONS_INIT)
    {
    }
    explicit channel_options(leat::policy how) : channel_options()
    {
        policy = static_cast<std::uint32_t>(how);
    }
};

/// leat_reader_options with its defaults.
struct reader_options : leat_reader_options {
    reader_options() : leat_reader_options(LEAT_READER_OPTIONS_INIT)
    {
    }
};

// ---- writing ------------------------------------------------------------------------------------------------------------

/// Room for one message in the ring. Fill it and commit; otherwise it is given back when it goes out of scope.
class claim {
  public:
    claim(leat_writer *writer, void *data, std::size_t size) noexcept : writer_(writer), data_(data), size_(size)
    {
    }
    claim(claim &&from) noexcept : writer_(std::exchange(from.writer_, nullptr)), data_(from.data_), size_(from.size_)
    {
    }
    claim &operator=(claim &&) = delete;
    ~claim()
    {
        if (writer_)
            leat_abort(writer_);
    }

    std::byte *data() const noexcept
    {
        return static_cast<std::byte *>(data_);
    } ///< aligned to 16
    std::size_t size() const noexcept
    {
        return size_;
    }

    /// Publishes it, whole or its first `len` bytes. Once.
    void commit(std::uint64_t tag = 0)
    {
        commit_first(size_, tag);
    }
    void commit_first(std::size_t len, std::uint64_t tag = 0)
    {
        if (!writer_)
            throw error(-EINVAL, "the claim was committed already");
        detail::transferred(leat_commit(std::exchange(writer_, nullptr), len, tag));
    }

  private:
    leat_writer *writer_; // nullptr: committed
    void *data_;
    std::size_t size_;
};

class writer {
  public:
    /// Opens the channel, and creates it where it is not there. Without options what is there is taken as it is.
    explicit writer(const std::string &name) : writer(name, any())
    {
    }
    writer(const std::string &name, const channel_options &options)
    {
        leat_writer *made = nullptr;
        detail::opened(leat_writer_open(&made, name.c_str(), &options));
        handle_.reset(made);
    }

    /// Publishes one message. False: no room in time (block policy).
    bool publish(const void *data, std::size_t len, std::uint64_t tag = 0, nanoseconds timeout = forever)
    {
        return detail::transferred(leat_publish(handle_.get(), data, len, tag, timeout.count()));
    }
    bool publish(bytes message, std::uint64_t tag = 0, nanoseconds timeout = forever)
    {
        return publish(message.data(), message.size(), tag, timeout);
    }
    bool publish(const std::string &text, std::uint64_t tag = 0, nanoseconds timeout = forever)
    {
        return publish(text.data(), text.size(), tag, timeout);
    }
    /// A literal and a number: is that its length or a tag? leat::bytes(text, length) or std::string(text) say it.
    bool publish(const char *text, std::uint64_t number, nanoseconds timeout = forever) = delete;

    /// A struct or a number, as its bytes. (What has data() and size() is published as its elements.)
    template <typename T, typename = std::enable_if_t<detail::is_value<T>>>
    bool publish(const T &value, std::uint64_t tag = 0, nanoseconds timeout = forever)
    {
        detail::must_be_bytes<T>();
        return publish(static_cast<const void *>(&value), sizeof value, tag, timeout);
    }

    /// Publishes many as one burst; returns how many went, from the front.
    std::size_t publish(const std::vector<leat_outgoing_bytes> &burst, nanoseconds timeout = forever)
    {
        const int sent = leat_publish_burst(handle_.get(), burst.data(), burst.size(), timeout.count());
        return detail::transferred(sent) ? static_cast<std::size_t>(sent) : 0;
    }

    /// Room for a message of `size` bytes, in place. Empty: none in time. One claim at a time.
    std::optional<leat::claim> claim(std::size_t size, nanoseconds timeout = forever)
    {
        void *data = nullptr;
        if (!detail::transferred(leat_claim(handle_.get(), size, &data, timeout.count())))
            return std::nullopt;
        return std::optional<leat::claim>(std::in_place, handle_.get(), data, size);
    }

    std::size_t max_message() const noexcept
    {
        return leat_writer_max_message(handle_.get());
    }
    std::uint32_t origin() const noexcept
    {
        return leat_writer_origin(handle_.get());
    }
    leat_writer *native() const noexcept
    {
        return handle_.get();
    }

  private:
    static channel_options any()
    {
        channel_options options;
        options.flags = LEAT_OPEN_ANY;
        return options;
    }

    std::unique_ptr<leat_writer, detail::closer<leat_writer, leat_writer_close>> handle_;
};

// ---- reading ------------------------------------------------------------------------------------------------------------

/// A message as it lies in the ring. Where writers overwrite, what was computed from it counts only if release() says so.
class loan {
  public:
    loan(leat_reader *reader, const leat_message &message) noexcept : reader_(reader), message_(message)
    {
    }
    loan(loan &&from) noexcept : reader_(std::exchange(from.reader_, nullptr)), message_(from.message_)
    {
    }
    loan &operator=(loan &&) = delete;
    ~loan()
    {
        if (reader_)
            leat_release(reader_);
    }

    bytes data() const noexcept
    {
        return {message_.data, static_cast<std::size_t>(message_.len)};
    }
    const leat_message &info() const noexcept
    {
        return message_;
    } ///< sequence, time, tag, lost, origin

    /// Ends the loan. False: the bytes were overwritten while they were lent.
    [[nodiscard]] bool release()
    {
        if (!reader_)
            throw error(-EINVAL, "the loan was released already");
        const int code = leat_release(std::exchange(reader_, nullptr));
        if (code == LEAT_ELAPPED)
            return false;
        return detail::transferred(code);
    }

  private:
    leat_reader *reader_; // nullptr: released
    leat_message message_;
};

class reader {
  public:
    /// Opens a channel that is there; options with LEAT_OPEN_CREATE in `flags` create it.
    explicit reader(const std::string &name, const reader_options &how = {})
    {
        open(name, nullptr, how);
    }
    reader(const std::string &name, const channel_options &options, const reader_options &how = {})
    {
        open(name, &options, how);
    }

    /// Lends the next message. Empty: none within the timeout. One loan at a time.
    std::optional<loan> borrow(nanoseconds timeout = forever)
    {
        leat_message message;
        if (!detail::transferred(leat_borrow(handle_.get(), &message, timeout.count())))
            return std::nullopt;
        return std::optional<loan>(std::in_place, handle_.get(), message);
    }

    /// Copies the next message into `buffer`, which grows as needed and is `message.len` bytes of it long. False: none in time.
    bool read(std::vector<std::byte> &buffer, leat_message &message, nanoseconds timeout = forever)
    {
        int code = leat_read(handle_.get(), buffer.data(), buffer.size(), &message, timeout.count());
        while (code == LEAT_ETOOBIG) { // it is still the next one; another may be by then
            buffer.resize(static_cast<std::size_t>(message.len));
            code = leat_read(handle_.get(), buffer.data(), buffer.size(), &message, timeout.count());
        }
        const bool got = detail::transferred(code);
        buffer.resize(got ? static_cast<std::size_t>(message.len) : 0);
        message.data = buffer.data();
        return got;
    }

    /// Copies the next message as T. Empty: none in time. Throws when it is of another size.
    template <typename T> std::optional<T> read_as(nanoseconds timeout = forever)
    {
        detail::must_be_bytes<T>();
        T value;
        leat_message message;
        const int code = leat_read(handle_.get(), &value, sizeof value, &message, timeout.count());
        if (code == LEAT_ETOOBIG || (code == 0 && message.len != sizeof value))
            wrong_size(code, message.len, sizeof value);
        return detail::transferred(code) ? std::optional<T>(value) : std::nullopt;
    }

    /// The position of a manual_ack reader moves past this message; may be called from one other thread.
    void acknowledge(const leat_message &message) noexcept
    {
        leat_reader_acknowledge(handle_.get(), message.cursor, message.sequence);
    }

    leat_reader *native() const noexcept
    {
        return handle_.get();
    }

  private:
    void open(const std::string &name, const leat_channel_options *options, const reader_options &how)
    {
        leat_reader *made = nullptr;
        detail::opened(leat_reader_open(&made, name.c_str(), options, &how));
        handle_.reset(made);
    }

    /// A message that does not fit is left behind, so that the next call meets the next one.
    [[noreturn]] void wrong_size(int code, std::uint64_t len, std::size_t wanted)
    {
        leat_message skipped;
        if (code == LEAT_ETOOBIG && leat_borrow(handle_.get(), &skipped, 0) == 0)
            leat_release(handle_.get());
        throw error(-EMSGSIZE,
                    "a message of " + std::to_string(len) + " bytes is not a struct of " + std::to_string(wanted));
    }

    std::unique_ptr<leat_reader, detail::closer<leat_reader, leat_reader_close>> handle_;
};

// ---- looking ------------------------------------------------------------------------------------------------------------

/// Calls each(name) for every channel in the directory ($LEAT_SHM_DIR or /dev/shm when it is nullptr), in alphabetical order.
template <typename Each> void for_each_channel(Each each, const char *directory = nullptr)
{
    struct calling {
        Each *each;
        std::exception_ptr thrown;
    } state{&each, nullptr};
    const auto call = [](const char *name, void *user) noexcept -> int {
        auto *calling_ = static_cast<calling *>(user);
        try {
            (*calling_->each)(std::string(name));
            return 0;
        } catch (...) { // the library is C: it goes no further than this
            calling_->thrown = std::current_exception();
            return 1;
        }
    };
    const int code = leat_channel_list(directory, call, &state);
    if (state.thrown)
        std::rethrow_exception(state.thrown);
    detail::opened(code);
}

inline std::vector<std::string> channels(const char *directory = nullptr)
{
    std::vector<std::string> names;
    for_each_channel([&names](std::string name) { names.push_back(std::move(name)); }, directory);
    return names;
}

inline leat_channel_info inspect(const std::string &name, const char *directory = nullptr)
{
    leat_channel_info info{};
    info.size = sizeof info;
    detail::opened(leat_channel_inspect(directory, name.c_str(), &info, nullptr, 0));
    return info;
}

inline void remove(const std::string &name, bool force = false, const char *directory = nullptr)
{
    detail::opened(leat_channel_remove(directory, name.c_str(), force));
}

} // namespace leat

#endif
