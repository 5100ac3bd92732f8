# frozen_string_literal: true

# The examples of a guide in docs/: its fenced blocks, and commands within its text, but for names in links.
module Guide
  ROOT = File.expand_path("../..", __dir__)
  FENCE = /^```(\w*)\n(.*?)^```$/m
  COMMAND = /(?<![`\[])`(flockctl [^`\n]+)`/

  # @!attribute language
  #   @return [String] of the fence; "" = it names none
  Example = Struct.new(:file, :line, :language, :text) do
    def to_s = "#{file}:#{line}"
    # @return [Array<String>] the commands of a shell example
    def commands = text.lines(chomp: true).reject { |one| one.strip.empty? || one.start_with?("#") }
  end

  # @param file [String] such as "docs/calls.md"
  # @return [Array<Example>] in their order
  def self.examples(file)
    guide = File.read(File.join(ROOT, file))
    blocks = find(guide, FENCE) { |match, line| Example.new(file, line + 1, match[1], match[2]) }
    fences = guide.scan(/^\s*(?:```|~~~)/).size
    raise "#{file}: #{fences} fences, but #{blocks.size} examples could be read" if fences != 2 * blocks.size

    # A line of their own for each that is taken out, so that the numbers stay right.
    prose = guide.gsub(FENCE) { |block| "\n" * block.count("\n") }
    commands = find(prose, COMMAND) { |match, line| Example.new(file, line, "sh", match[1]) }
    (blocks + commands).sort_by(&:line)
  end

  def self.find(text, pattern)
    matches = text.to_enum(:scan, pattern).map { Regexp.last_match }
    matches.map { |match| yield match, match.pre_match.count("\n") + 1 }
  end
  private_class_method :find
end
