# frozen_string_literal: true

require "json"
require_relative "content_store"
require_relative "files"
require_relative "cookbook_tree"

module FlockOfChefs
  module Run
    # Copies of cookbooks, shared by the generations: +files/aa/sha256+ holds each content once, +trees/digest+ is one
    # version of one cookbook made of hard links to them, and a generation points at its trees by symbolic links.
    #
    # Chef rewrites and prunes its own cache at the start of the next run, while the last snapshot is still in use; that
    # is why it is copied, and why nothing is linked to it. A cookbook whose files have not changed costs one stat per
    # file.
    class CookbookStore
      # A file changed this recently may change again without a new time stamp, so it is read again by the next run.
      SETTLED_SECONDS = 2

      # @param root [String] the folder of snapshots
      def initialize(root)
        @root = root
        @known = read_index
        @seen = {}
      end

      # @param cookbook [Chef::CookbookVersion]
      # @param folder [String] the +cookbooks+ folder of a generation
      # @return [Hash] its entry in snapshot.json
      def add(cookbook, folder)
        tree = CookbookTree.new(cookbook, @root)
        File.symlink(File.join("..", "..", "trees", digest_of(tree)), File.join(folder, tree.name))
        { "name" => tree.name, "version" => cookbook.version.to_s, "dir" => File.join("cookbooks", tree.name) }
      end

      # Remembers what was seen, for the next run. Losing it costs time only.
      def save_index
        Files.write(index_path, JSON.generate(@seen)) unless @seen == @known
      end

      # Removes trees that no kept generation points at, then contents that no tree links to.
      #
      # @param generations [Array<String>] the folders that are kept
      def collect(generations)
        used = generations.flat_map { |folder| links(File.join(folder, "cookbooks")) }
        trees = Dir.glob(File.join(@root, "trees", "*"), File::FNM_DOTMATCH).reject { |path| path.end_with?("/.", "/..") }
        unused = trees.reject { |path| used.include?(File.basename(path)) }
        return if unused.empty?

        unused.each { |path| FileUtils.rm_rf(path) }
        ContentStore.new(@root).collect
      end

      private

      def digest_of(tree)
        fingerprint, newest = tree.fingerprint
        known = @known.dig(tree.name, "tree") if @known.dig(tree.name, "fingerprint") == fingerprint
        digest = known if known && File.directory?(File.join(@root, "trees", known))
        digest ||= tree.store
        settled = newest < Time.now.to_i - SETTLED_SECONDS
        @seen[tree.name] = { "fingerprint" => fingerprint, "tree" => digest } if settled
        digest
      end

      def links(folder)
        Dir.children(folder).map { |name| File.basename(File.readlink(File.join(folder, name))) }
      rescue Errno::ENOENT
        []
      end

      def index_path = File.join(@root, "index.json")

      def read_index
        JSON.parse(File.read(index_path))
      rescue Errno::ENOENT, JSON::ParserError
        {}
      end
    end
  end
end
