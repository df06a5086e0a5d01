#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"

namespace roktcached::config {

/// A folder that goes when this object does. Throws where it cannot be made.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "roktcached-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Writes a file, with mode 0600. @return its path
  std::string write(const std::string& name, std::string_view content) const {
    const auto file = path_ / name;
    std::ofstream(file, std::ios::binary) << content;
    std::filesystem::permissions(file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

/// Of a secret that nobody knows; both salt and hash are zeros.
inline constexpr std::string_view a_secret_hash =
    "$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

using Variables = std::map<std::string, std::string>;

/// An environment of exactly these variables.
inline Environment environment_of(Variables variables) {
  return {[variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          },
          [variables] {
            std::vector<std::string> names;
            for (const auto& [name, value] : variables) names.push_back(name);
            return names;
          }};
}

/// Loads settings from a file of this text, called FILE in mistakes.
class Loader {
 public:
  Result<Settings> load(std::string_view toml, Variables variables = {}) const {
    return config::load(folder_.write("settings.toml", toml), environment_of(std::move(variables)));
  }

  /// The lines of the mistakes, with FILE for the file's path; none where the settings are accepted.
  std::vector<std::string> mistakes(std::string_view toml, Variables variables = {}) const {
    const auto settings = load(toml, std::move(variables));
    std::vector<std::string> lines;
    if (settings) return lines;
    std::string rest = settings.error().context;
    const std::string file = (folder_.path() / "settings.toml").string();
    for (auto at = rest.find(file); at != std::string::npos; at = rest.find(file))
      rest.replace(at, file.size(), "FILE");
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    lines.push_back(rest);
    return lines;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace roktcached::config
