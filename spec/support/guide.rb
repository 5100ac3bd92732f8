# frozen_string_literal: true

# The examples of a guide: its fenced blocks, and commands within its text, but for names in links.
module Guide
  ROOT = File.expand_path("../..", __dir__)
  FENCE = /^```(\w*)\n(.*?)^```$/m
  # Markdown's other form of a block, which has no language, so that nobody would run it.
  INDENTED = /(?:\A|^[ \t]*\n)(?: {4}|\t).*\S/
  COMMAND = /(?<![`\[])`(flockctl [^`\n]+)`/
  FOUNDING = "From nothing to a notification"

  # @!attribute language
  #   @return [String] of the fence; "" = it names none
  # @!attribute section
  #   @return [String] the heading of second level that it stands under
  Example = Struct.new(:file, :line, :language, :text, :section) do
    def to_s = "#{file}:#{line}"
    # @return [Array<String>] the commands of a shell example
    def commands = text.lines(chomp: true).reject { |one| one.strip.empty? || one.start_with?("#") }
    # @return [Array<String>] the commands of a transcript
    def typed = text.lines(chomp: true).filter_map { |one| one[/\A[$#] ([^#]+)/, 1]&.strip }
    # @return [Boolean] whether it is a file of a machine, and no recipe
    def file_of_machine? = place.start_with?("/")
    # @return [String] the comment with which it says where it belongs
    def place = text.lines.first.to_s[/\A# (.*)/, 1].to_s
  end

  class << self
    # @param file [String] such as "docs/calls.md"
    # @return [Array<Example>] in their order
    def examples(file)
      guide = File.read(File.join(ROOT, file))
      blocks = blocks(file, guide)
      # A line of their own for each that is taken out, so that the numbers stay right.
      prose = guide.gsub(FENCE) { |block| "\n" * block.count("\n") }
      refuse_indented(file, prose)
      commands = find(prose, COMMAND) { |match, line| Example.new(file, line, "inline", match[1], section(match)) }
      (blocks + commands).sort_by(&:line)
    end

    # @return [Array<Example>] of README.md: how a flock is founded, from its first lines on
    def founding = examples("README.md").take_while { |one| ["", FOUNDING].include?(one.section) }

    # @return [Array<String>] all guides, as paths from the root
    def files = Dir.chdir(ROOT) { Dir["*.md", "{docs,cookbook,spec}/**/*.md"] }.sort

    # @return [Array<String>] those that are not for who works on the project: there, commands stand for what they do
    def for_users = files.grep(%r{\A(?:README|docs/|cookbook/)})

    private

    def blocks(file, guide)
      blocks = find(guide, FENCE) do |match, line|
        Example.new(file, line + 1, match[1], match[2], section(match))
      end
      fences = guide.scan(/^\s*(?:```|~~~)/).size
      raise "#{file}: #{fences} fences, but #{blocks.size} examples could be read" if fences != 2 * blocks.size

      blocks
    end

    def refuse_indented(file, prose)
      found = find(prose, INDENTED) { |match, line| "#{file}:#{line + 1}: #{match[0].strip}" }
      raise "#{found.first}: make it a fenced block" if found.any?
    end

    def section(match) = match.pre_match.scan(/^## (.+)$/).flatten.last.to_s

    def find(text, pattern)
      matches = text.to_enum(:scan, pattern).map { Regexp.last_match }
      matches.map { |match| yield match, match.pre_match.count("\n") + 1 }
    end
  end
end
