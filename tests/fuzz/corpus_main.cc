// corpus_main DIRECTORY: every file of it, and mutations of each that are the same in every run.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "target.h"

namespace {

constexpr int kMutations = 300;  // of each file
constexpr std::size_t kMostBytes = 4096;

std::string mutated(std::string text, const std::vector<std::string>& others,
                    std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {
      "\"", "'", "[", "]",  "{",  "}", "=", ",",  "\n", "\r", "\\", "..",     "/",    "*",
      "**", "?", "~", "${", "\0", "@", "0", "-1", "%",  ":",  "::", "\"\"\"", "\xff", "é"};
  for (auto rounds = 1 + random() % 4; rounds > 0; --rounds) {
    const std::size_t at = random() % (text.size() + 1);
    const std::size_t length = random() % (text.size() - at + 1);
    switch (random() % 5) {
      case 0:
        text.erase(at, std::min<std::size_t>(length, 1 + random() % 20));
        break;
      case 1:
        text.insert(at, kPieces[random() % std::size(kPieces)]);
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      default: {
        const std::string& other = others[random() % others.size()];
        text.insert(at, other.substr(random() % (other.size() + 1), 1 + random() % 80));
        break;
      }
    }
    if (text.size() > kMostBytes) text.resize(kMostBytes);
  }
  return text;
}

void run(const std::string& text) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  mayfly::fuzz::require(!texts.empty(), "there is a corpus", arguments[1]);
  std::mt19937 random(1);
  for (const std::string& text : texts) {
    run(text);
    for (int i = 0; i < kMutations; ++i) run(mutated(text, texts, random));
  }
  std::printf("%zu files, %zu inputs\n", texts.size(), texts.size() * (kMutations + 1));
}
