# frozen_string_literal: true

require_relative "../guide"

module Guide
  # Links between the repository's own files, and to their headings as GitHub names them.
  module Links
    LINK = /(?<!`)\[[^\]]*\]\(([^)\s]+)\)/
    CODE = /^```.*?^```$|`[^`\n]*`/m

    class << self
      # @param file [String] a path from the root
      # @return [Array<String>] links that lead nowhere
      def broken(file, root: ROOT)
        targets = prose(File.read(File.join(root, file))).scan(LINK).flatten.grep_v(/\A(?:https?|mailto):/)
        targets.reject { |target| leads?(file, target, root) }
      end

      # @param text [String] of a Markdown file
      # @return [Array<String>]
      def anchors(text)
        seen = Hash.new(-1)
        text.gsub(/^```.*?^```$/m, "").scan(/^\#{1,6} (.+)$/).flatten.map do |heading|
          anchor = slug(heading)
          (number = seen[anchor] += 1).zero? ? anchor : "#{anchor}-#{number}"
        end
      end

      private

      # A text in code that looks like a link is none, but a link's own text may be code.
      def prose(text) = text.gsub(CODE) { |code| code.start_with?("```") ? "" : "code" }

      def leads?(file, target, root)
        path, anchor = target.split("#", 2)
        path = path.empty? ? File.join(root, file) : File.expand_path(path, File.join(root, File.dirname(file)))
        File.exist?(path) && (anchor.nil? || anchors(File.read(path)).include?(anchor))
      end

      def slug(heading)
        heading.gsub(/\[([^\]]*)\]\([^)]*\)/, '\1').downcase.gsub(/[^\p{Word}\- ]/, "").tr(" ", "-")
      end
    end
  end
end
