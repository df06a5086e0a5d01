#include "server/upstream/wire/gzip_decoder.h"

#define ZLIB_CONST  // what is only read is const
#include <zlib.h>

#include <array>
#include <cstddef>
#include <new>
#include <string>

#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

namespace {

constexpr int gzip_window = 15 + 16;  // the largest window; gzip's header and trailer are to be there
constexpr std::size_t input_max = std::size_t{1} << 30;  // at a time: zlib counts in 32 bits
constexpr Bytef first_of_member = 0x1f;                  // zlib judges the rest of it

}  // namespace

struct GzipDecoder::State {
  std::string_view rest;  // fed, and not zlib's yet
  z_stream stream{};
  std::array<char, 32 * 1024> out;
  bool between_members = false;
};

GzipDecoder::GzipDecoder() : state_(std::make_unique<State>()) {
  if (inflateInit2(&state_->stream, gzip_window) != Z_OK) throw std::bad_alloc();
}

GzipDecoder::~GzipDecoder() {
  inflateEnd(&state_->stream);
}

void GzipDecoder::feed(std::string_view coded) {
  state_->rest = coded;
}

Result<std::string_view> GzipDecoder::next() {
  z_stream& stream = state_->stream;
  while (true) {
    if (stream.avail_in == 0) {
      const std::string_view piece = state_->rest.substr(0, input_max);
      state_->rest.remove_prefix(piece.size());
      stream.next_in = reinterpret_cast<const Bytef*>(piece.data());
      stream.avail_in = static_cast<uInt>(piece.size());
    }
    if (state_->between_members) {
      if (stream.avail_in == 0) return std::string_view();
      if (*stream.next_in != first_of_member)
        return exchange_failure(ErrorCode::upstream_invalid_response,
                                "the gzip content has other bytes behind its end");
      inflateReset(&stream);
      state_->between_members = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(state_->out.data());
    stream.avail_out = static_cast<uInt>(state_->out.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code == Z_BUF_ERROR) return std::string_view();  // nothing is left of what was fed
    if (code != Z_OK && code != Z_STREAM_END)
      return exchange_failure(ErrorCode::upstream_invalid_response, "the gzip content is corrupt");
    state_->between_members = code == Z_STREAM_END;
    const std::size_t size = state_->out.size() - stream.avail_out;
    if (size > 0) return std::string_view(state_->out.data(), size);
  }
}

bool GzipDecoder::is_complete() const {
  return state_->between_members && state_->stream.avail_in == 0 && state_->rest.empty();
}

}  // namespace roktcached::upstream
