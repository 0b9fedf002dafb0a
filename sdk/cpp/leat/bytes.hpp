// What all of leat for C++ shares: errors, bytes, time. Include <leat/leat.hpp>.
#ifndef LEAT_BYTES_HPP
#define LEAT_BYTES_HPP

#include <leat/error.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace leat {

using nanoseconds = std::chrono::nanoseconds;
inline constexpr nanoseconds forever{-1};

// ---- errors -------------------------------------------------------------------------------------------------------------

/// A call that failed. code() is the errno in the generic category; what() says what exactly was wrong where the library knows.
class error : public std::system_error {
  public:
    error(int negative_errno, const std::string &sentence)
        : std::system_error(-negative_errno, std::generic_category(), sentence)
    {
    }
};

/// What was read has been overwritten meanwhile: throw away what was computed from it, and go on.
class elapped : public error {
    using error::error;
};

/// The channel was removed: nothing will ever come or be taken again.
class closed : public error {
    using error::error;
};

namespace detail {

[[noreturn]] inline void fail(int code, const char *sentence)
{
    const std::string said = sentence && *sentence ? sentence : leat_strerror(code);
    if (code == LEAT_ELAPPED)
        throw elapped(code, said);
    if (code == LEAT_ECLOSED)
        throw closed(code, said);
    throw error(code, said);
}

/// Of calls that open, create or look: the library has a sentence with the names in it.
inline int opened(int code)
{
    if (code < 0)
        fail(code, leat_error_text());
    return code;
}

/// Of calls that transfer: true when it is done, false when there was nothing to read or no room in time.
inline bool transferred(int code)
{
    if (code == LEAT_EAGAIN || code == LEAT_ETIMEDOUT)
        return false;
    if (code < 0)
        fail(code, nullptr);
    return true;
}

template <typename Handle, void (*close)(Handle *)> struct closer {
    void operator()(Handle *handle) const noexcept
    {
        close(handle);
    }
};

template <typename T> constexpr void must_be_bytes()
{
    static_assert(std::is_trivially_copyable_v<T>, "only a trivially copyable type travels as its bytes");
    static_assert(!std::is_pointer_v<T>, "a pointer means nothing in another process");
}

/// What a contiguous range holds.
template <typename Range, typename = decltype(std::size_t{std::declval<const Range &>().size()})>
using element_of = std::remove_reference_t<decltype(*std::declval<const Range &>().data())>;

} // namespace detail

/// A view of bytes that somebody else owns: what std::span<const std::byte> is where there is one, and each converts to the other.
class bytes {
  public:
    using value_type = const std::byte;

    constexpr bytes() noexcept = default;
    constexpr bytes(const void *data, std::size_t size) noexcept
        : data_(static_cast<const std::byte *>(data)), size_(size)
    {
    }
    /// The elements of a string, string_view, vector, array, span or whatever else has data() and size().
    template <typename Range, typename Element = detail::element_of<Range>>
    constexpr bytes(const Range &range) noexcept : bytes(range.data(), range.size() * sizeof(Element))
    {
        detail::must_be_bytes<Element>();
    }

    constexpr const std::byte *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr const std::byte *begin() const noexcept
    {
        return data_;
    }
    constexpr const std::byte *end() const noexcept
    {
        return data_ + size_;
    }

    /// A copy as T. Throws when the size is another than T's.
    template <typename T> T as() const
    {
        detail::must_be_bytes<T>();
        if (size_ != sizeof(T))
            throw error(-EMSGSIZE, "a message of " + std::to_string(size_) + " bytes is not a struct of " +
                                       std::to_string(sizeof(T)));
        T value;
        std::memcpy(static_cast<void *>(&value), data_, sizeof value);
        return value;
    }

    /// The bytes as text, copied.
    std::string text() const
    {
        return std::string(reinterpret_cast<const char *>(data_), size_);
    }

  private:
    const std::byte *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/// Travels as its own bytes. A view would travel as its pointer: its elements are meant.
template <typename T>
inline constexpr bool is_value = std::conjunction_v<std::disjunction<std::is_class<T>, std::is_arithmetic<T>>,
                                                    std::negation<std::is_convertible<const T &, bytes>>>;

} // namespace detail

} // namespace leat

#endif
