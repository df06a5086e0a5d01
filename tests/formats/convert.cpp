// Converts JSON answers from standard input, one a line behind the form's name and a tab, and writes each
// result behind a line with its length in bytes. For tests whose parsers are not ours.
#include <iostream>
#include <string>

#include "core/formats/conversion.h"

using roktcached::formats::Conversion;
using roktcached::formats::Format;

int main() {
  constexpr std::size_t step = 100;
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto tab = line.find('\t');
    const std::string name = line.substr(0, tab);
    const std::string body = line.substr(tab + 1);
    const Format format = name == "ndjson"  ? Format::ndjson
                          : name == "excel" ? Format::csv_spreadsheet
                                            : Format::csv;
    Conversion conversion(body, format, {});
    std::string text;
    bool refused = false;
    for (bool surveyed = false; !surveyed && !refused;) {
      const auto all = conversion.survey(step);
      refused = !all;
      surveyed = all && *all;
    }
    if (refused) {
      std::cout << "refused\n";
      continue;
    }
    while (!conversion.write(text, step)) {
    }
    std::cout << text.size() << '\n' << text;
  }
}
