# frozen_string_literal: true

# The recipes of the seed documents, kept verbatim; only their absolute paths move into a test's own directory.
module Recipes
  FOLDER = File.expand_path("../acceptance/recipes", __dir__)

  def self.read(name) = File.read(File.join(FOLDER, "#{name}.rb"))

  # @param directory [String] what takes the place of +/tmp+ and +/opt+
  def self.rooted(name, directory)
    read(name).gsub(%r{/(?:tmp|opt)/}, "#{directory}/")
  end
end
