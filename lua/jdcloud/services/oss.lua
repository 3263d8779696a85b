-- oss: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "oss",
revision = "0.2.2",
operations = {
deleteBucket="DELETE v1*/buckets/{bucketname} -",
headBucket="~HEAD v1*/buckets/{bucketname} -",
listBuckets="~GET v1*/buckets +",
putBucket="PUT v1*/buckets/{bucketname} -",
},
shapes = {
Bucket="creationDate name!",
ListBucketResult="buckets![@Bucket owner!@User",
ListBucketsResult="buckets:[@Bucket owner:@User",
User="displayName! id!",
},
}
