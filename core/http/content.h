#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/http/chunked.h"
#include "core/http/framing.h"

namespace roktcached::http {

/// Takes a message's content out of the bytes that carry it, as its framing says (RFC 9112, section 6). A
/// plain value.
class ContentDecoder {
 public:
  using Step = ChunkDecoder::Step;

  /// @param trailer_names  of content in chunks
  explicit ContentDecoder(const Framing& framing,
                          ChunkDecoder::TrailerNames trailer_names = ChunkDecoder::TrailerNames::limited)
      : kind_(framing.kind),
        left_(framing.length),
        done_(kind_ == Framing::Kind::none || (kind_ == Framing::Kind::length && left_ == 0)),
        chunks_(trailer_names) {}

  /// As ChunkDecoder::next. Takes nothing once it is done: what follows is the next message's.
  [[nodiscard]] Result<Step> next(std::string_view bytes) {
    if (done_) return Step{.consumed = 0, .content = {}, .done = true};
    if (kind_ == Framing::Kind::chunked) {
      const Result<Step> step = chunks_.next(bytes);
      done_ = step && step->done;
      return step;
    }
    const std::size_t size = kind_ == Framing::Kind::length
                                 ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()))
                                 : bytes.size();
    left_ -= std::min<std::uint64_t>(left_, size);
    done_ = kind_ == Framing::Kind::length && left_ == 0;
    return Step{.consumed = size, .content = bytes.substr(0, size), .done = done_};
  }

  [[nodiscard]] bool done() const { return done_; }
  /// How much content is known to come yet: of the length, or of the chunk at hand. Nothing of it has come.
  [[nodiscard]] std::uint64_t announced() const {
    return kind_ == Framing::Kind::chunked ? chunks_.announced() : left_;
  }
  /// Whether the end of the connection is the end of the content, too.
  [[nodiscard]] bool ends_with_connection() const { return kind_ == Framing::Kind::until_close; }

 private:
  Framing::Kind kind_;
  std::uint64_t left_;
  bool done_;
  ChunkDecoder chunks_;
};

}  // namespace roktcached::http
